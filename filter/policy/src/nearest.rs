//! The smallest changes with which something that is refused would be allowed.
//!
//! Each is a guess that was put to the engine: what is named here was allowed there.

mod claims;
mod expressions;

use registry_auth_engine::authz::{Named, Policy, RuleView};
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::{Engine, Principal, Simulated, Situation};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::time::UnixTime;
use registry_auth_engine::trace::Step;
use serde_json::{Map, Value};

use crate::case::{Caller, Case};
use crate::words::Wish;

/// The most changes that are named.
const SHOWN: usize = 3;
/// The most tags, groups, users or repositories that are tried, each.
const TRIED: usize = 32;
/// The longest tag (OCI distribution spec).
const MAX_TAG: usize = 128;
/// Tags as people choose them.
const TAGS: [&str; 6] = ["v1", "v1.0.0", "1.0.0", "latest", "main", "nightly"];
/// The name of a caller whom no rule names.
const SOMEBODY: &str = "somebody";

/// Something that is refused, and everything that a change of it is tried with.
struct Refused<'a> {
    engine: &'a Engine,
    document: &'a Document,
    caller: Caller<'a>,
    /// The claims of a token, and its issuer, if there are any.
    claims: Option<&'a Principal>,
    wish: &'a Wish,
    situation: Situation,
    case: &'a Case,
    rules: Vec<RuleView>,
}

impl Case {
    /// The same with the smallest changes with which it would be allowed, if it is refused. `claims`
    /// are those of the caller's token, unless the caller is known by what somebody says. `situation`
    /// is what the case was made with. It takes some hundred decisions.
    #[must_use]
    pub fn with_nearest(
        mut self,
        (engine, document): (&Engine, &Document),
        (caller, claims): (Caller<'_>, Option<&Principal>),
        wish: &Wish,
        situation: Situation,
    ) -> Self {
        let is_refused = self
            .stops_at()
            .is_some_and(|(_, report)| matches!(report.outcome, Simulated::Refused(..)));
        if is_refused {
            let said = match caller {
                Caller::Said(principal) if principal.claims().is_some() => Some(principal),
                _ => None,
            };
            let refused = Refused {
                engine,
                document,
                caller,
                claims: said.or(claims),
                wish,
                situation,
                case: &self,
                rules: engine.policy().map(Policy::rules).unwrap_or_default(),
            };
            self.nearest = refused.changes();
        }
        self
    }
}

impl Refused<'_> {
    fn changes(&self) -> Vec<String> {
        let found = [
            self.another_tag(),
            self.another_state(),
            self.another_time(),
            self.another_caller(),
            self.another_verb(),
            self.another_repository(),
        ];
        found.into_iter().flatten().take(SHOWN).collect()
    }

    /// Returns true if this would be allowed.
    fn allows(&self, caller: Caller<'_>, wish: &Wish, situation: Situation) -> bool {
        wish.requests.iter().all(|asked| {
            let report = caller.asks(self.engine, asked, wish, situation);
            report.outcome.is_granted()
        })
    }

    /// Returns true if another caller may do it, of whom nothing is verified.
    fn lets(&self, principal: &Principal) -> bool {
        self.allows(Caller::Said(principal), self.wish, self.situation)
    }

    /// The first of other words that the caller may do.
    fn first<'b>(
        &self,
        tried: impl IntoIterator<Item = &'b str>,
        change: impl Fn(&Wish, &str) -> Option<Wish>,
    ) -> Option<(&'b str, Wish)> {
        let tried = tried.into_iter().take(TRIED);
        let mut changed = tried.filter_map(|text| Some((text, change(self.wish, text)?)));
        changed
            .find(|(_, wish)| wish != self.wish && self.allows(self.caller, wish, self.situation))
    }

    fn another_tag(&self) -> Option<String> {
        let conditions = self.rules.iter().flat_map(|rule| &rule.conditions);
        let written = conditions.flat_map(|text| expressions::literals(text));
        let written = written.filter(|text| is_tag(text));
        let (tag, _) = self.first(TAGS.into_iter().chain(written), Wish::with_tag)?;
        Some(format!("another tag, such as `{tag}`"))
    }

    /// What would be allowed if a tag existed, or did not.
    fn another_state(&self) -> Option<String> {
        if self.wish.verb() == Some("overwrite") {
            let wish = self.wish.with_verb("push")?;
            let situation = Situation {
                tags_exist: Some(false),
                ..self.situation
            };
            let may = self.allows(self.caller, &wish, situation);
            return may.then(|| "a tag that does not exist".to_owned());
        }
        [
            (false, "a tag that does not exist"),
            (true, "a tag that exists"),
        ]
        .into_iter()
        .find_map(|(exists, text)| {
            let situation = Situation {
                tags_exist: Some(exists),
                ..self.situation
            };
            let may = self.allows(self.caller, self.wish, situation);
            may.then(|| text.to_owned())
        })
    }

    /// A token that has ended, or is not valid yet, at a time when it is.
    fn another_time(&self) -> Option<String> {
        let Simulated::Refused(reason, _) = self.case.stops_at()?.1.outcome else {
            return None;
        };
        let claim = |name: &str| {
            let (_, claims) = self.claims?.claims()?;
            claims.get(name)?.as_f64()
        };
        let (seconds, text) = match reason {
            Reason::TokenExpired => (claim("exp")? - 1.0, "a token that has not expired"),
            Reason::TokenNotYetValid => {
                let begin = claim("nbf").into_iter().chain(claim("iat"));
                (begin.reduce(f64::max)?, "the same token when it is valid")
            }
            _ => return None,
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a time out of range is one at which nothing is valid"
        )]
        let now = UnixTime::from_secs(seconds as i64);
        let situation = Situation {
            now,
            ..self.situation
        };
        let may = self.allows(self.caller, self.wish, situation);
        may.then(|| text.to_owned())
    }

    fn another_caller(&self) -> Option<String> {
        if let Some((issuer, claims)) = self.claims.and_then(Principal::claims) {
            return self.other_claims(issuer, claims);
        }
        let (name, groups) = match self.caller {
            Caller::Said(Principal::User { name, groups }) => (name.clone(), groups.clone()),
            Caller::Said(Principal::Anonymous) => (String::new(), Vec::new()),
            // Groups of a certificate are those of the configuration.
            _ => self.known()?,
        };
        if name.is_empty() {
            let principal = user(SOMEBODY, &[]);
            if self.lets(&principal) {
                return Some("any caller with a credential".to_owned());
            }
        }
        let own = if name.is_empty() { SOMEBODY } else { &name };
        let in_group = |group: &&String| {
            let groups: Vec<_> = groups.iter().chain([*group]).cloned().collect();
            self.lets(&user(own, &groups))
        };
        let (users, named) = self.named();
        if let Some(group) = named.into_iter().find(in_group) {
            return Some(format!("a caller in the group `{group}`"));
        }
        let mut users = users.into_iter();
        let other = users.find(|name| self.lets(&user(name, &groups)))?;
        Some(format!("the user `{other}`"))
    }

    /// The user and the groups that the case was decided for.
    fn known(&self) -> Option<(String, Vec<String>)> {
        let (_, report) = self.case.stops_at()?;
        report.steps.iter().find_map(|step| match step {
            Step::Caller { user, groups } => Some((user.clone(), groups.clone())),
            _ => None,
        })
    }

    /// The users and the groups that rules name, each once, as many as are tried.
    fn named(&self) -> (Vec<&String>, Vec<&String>) {
        let (mut all_users, mut all_groups) = (Vec::new(), Vec::new());
        for rule in &self.rules {
            if let Named::Some { users, groups } = &rule.names {
                add(&mut all_users, users);
                add(&mut all_groups, groups);
            }
        }
        (all_users, all_groups)
    }

    fn another_verb(&self) -> Option<String> {
        let others: &[&str] = match self.wish.verb()? {
            "overwrite" | "delete" => &["push", "pull"],
            "push" => &["pull"],
            _ => return None,
        };
        let (_, wish) = self.first(others.iter().copied(), Wish::with_verb)?;
        Some(format!("`{}`", wish.words))
    }

    /// A repository of another pattern, with the name as far as the pattern leaves it open.
    fn another_repository(&self) -> Option<String> {
        let repository = self.wish.repository()?;
        let last = repository.rsplit('/').next().unwrap_or_default();
        let user = self.known().map(|(user, _)| user).unwrap_or_default();
        let mut tried = Vec::new();
        for pattern in self.rules.iter().filter_map(|rule| rule.pattern.as_deref()) {
            let pattern = pattern.replace("${username}", &user);
            match pattern.strip_suffix("/**").or(pattern.strip_suffix("/*")) {
                Some(prefix) => tried.push(format!("{prefix}/{last}")),
                None => tried.push(pattern),
            }
        }
        tried.retain(|name| name.bytes().all(is_name));
        let (name, _) = self.first(tried.iter().map(String::as_str), Wish::with_repository)?;
        Some(format!("another repository, such as `{name}`"))
    }

    fn other_claims(&self, issuer: &str, claims: &Map<String, Value>) -> Option<String> {
        claims::Search {
            document: self.document,
            issuer,
            claims,
            is_whole: matches!(self.claims, Some(Principal::Token { .. })),
            rules: &self.rules,
            failed: self.failed(),
        }
        .first(&|principal| self.lets(principal))
    }

    /// The expressions that were false or could not be evaluated.
    fn failed(&self) -> Vec<&str> {
        let steps = self.case.stops_at().map(|(_, report)| &report.steps);
        let steps = steps.into_iter().flatten();
        steps.filter_map(expressions::failed).collect()
    }
}

fn user(name: &str, groups: &[String]) -> Principal {
    Principal::User {
        name: name.to_owned(),
        groups: groups.to_vec(),
    }
}

fn add<'a>(all: &mut Vec<&'a String>, more: &'a [String]) {
    for text in more {
        if all.len() < TRIED && !all.contains(&text) {
            all.push(text);
        }
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"/._-".contains(&byte)
}

fn is_tag(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let begins = text
        .bytes()
        .next()
        .is_some_and(|byte| byte != b'.' && byte != b'-');
    begins && text.len() <= MAX_TAG && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests;
