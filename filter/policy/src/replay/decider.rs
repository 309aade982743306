//! What one policy decides about what a record says, as far as the record suffices.

use std::collections::{BTreeSet, HashMap, HashSet};

use registry_auth_cel::Members;
use registry_auth_engine::access::Action;
use registry_auth_engine::authz::{Named, Permission, Policy, RuleView};
use registry_auth_engine::engine::{Principal, Simulated, Situation};
use registry_auth_engine::request::Connection;
use registry_auth_engine::{RequestHead, UnixTime};

use super::record::Record;
use crate::diff::Side;

/// What a policy decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decided {
    /// It grants it.
    Granted,
    /// It refuses it.
    Refused,
    /// The record has not what is needed.
    Unknown(Unknown),
}

/// Why it is not known what a policy decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    /// What the record has not, in words.
    pub(super) why: String,
    /// What decides, as text: another policy with the same decides alike. Nothing if that depends
    /// on more.
    pub(super) basis: Option<Vec<String>>,
}

/// A caller of whom user name and groups are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) user: Option<String>,
    pub(super) groups: Vec<String>,
}

/// A policy, and which of its rules have granted something.
#[derive(Debug)]
pub(super) struct Decider<'a> {
    side: Side<'a>,
    /// The rules of each pattern, those of the admin policy without one.
    rules: HashMap<Option<String>, Vec<RuleView>>,
    /// Places of rules that have granted something, or may have.
    used: HashSet<String>,
}

impl<'a> Decider<'a> {
    pub(super) fn of(side: Side<'a>) -> Self {
        let mut rules: HashMap<Option<String>, Vec<RuleView>> = HashMap::new();
        for rule in side.engine.policy().map(Policy::rules).unwrap_or_default() {
            let pattern = rule.pattern.as_ref().map(ToString::to_string);
            rules.entry(pattern).or_default().push(rule);
        }
        Self {
            side,
            rules,
            used: HashSet::new(),
        }
    }

    /// The pattern that decides for a repository.
    pub(super) fn pattern(&self, repository: &str, caller: &Caller) -> Option<String> {
        let policy = self.side.engine.policy()?;
        let deciding = policy.deciding(repository, caller.user.as_deref())?;
        Some(deciding.to_string())
    }

    /// The rules that have granted nothing, in words.
    pub(super) fn unused(&self) -> Vec<String> {
        let all = self
            .side
            .engine
            .policy()
            .map(Policy::rules)
            .unwrap_or_default();
        let unused = all.iter().filter(|rule| !self.used.contains(&place(rule)));
        unused
            .map(|rule| match &rule.pattern {
                Some(pattern) => format!("{} of {pattern}", rule.label()),
                None => rule.label(),
            })
            .collect()
    }

    /// Takes the rule that a record names, and all rules that a request may have used, for used:
    /// what is not known of it says nothing about them.
    pub(super) fn may_use(&mut self, record: &Record, caller: &Caller) {
        self.used.extend(record.rule.clone());
        let pattern = self.pattern(&record.repository, caller);
        let all = [
            self.rules.get(&Some(pattern.unwrap_or_default())),
            self.rules.get(&None),
        ];
        let places = all.into_iter().flatten().flatten().map(place);
        self.used.extend(places.collect::<Vec<_>>());
    }

    /// Decides what a record says, for a caller.
    pub(super) fn decide(&mut self, record: &Record, caller: &Caller) -> Decided {
        let principal = principal(record, caller);
        if record.repository.is_empty() || record.actions.is_empty() {
            return self.enter(&principal, record);
        }
        let pushes = [Action::Create, Action::Update];
        if !pushes.iter().all(|action| record.actions.contains(action)) {
            let actions = record.actions.iter();
            return all(actions.map(|action| self.action(record, caller, &principal, *action)));
        }
        // Which of the two a push of a tag needs depends on the tag.
        let others = record
            .actions
            .iter()
            .filter(|action| !pushes.contains(action));
        let others: Vec<_> = others
            .map(|action| self.action(record, caller, &principal, *action))
            .collect();
        let [create, update] = pushes.map(|action| self.action(record, caller, &principal, action));
        let push = match record.tag_exists {
            Some(true) => update,
            Some(false) => create,
            None => either(create, update),
        };
        all(others.into_iter().chain([push]))
    }

    /// What is about no repository needs an identity only.
    fn enter(&self, principal: &Principal, record: &Record) -> Decided {
        let head = RequestHead {
            method: b"GET",
            path: b"/v2/",
            ..RequestHead::default()
        };
        let situation = Situation {
            now: now(record),
            tags_exist: None,
        };
        granted(
            &self
                .side
                .engine
                .simulate(principal, &head, situation)
                .outcome,
        )
    }

    fn action(
        &mut self,
        record: &Record,
        caller: &Caller,
        principal: &Principal,
        action: Action,
    ) -> Decided {
        let method = record.method.as_deref().unwrap_or_default().as_bytes();
        let address = record.client.as_deref().unwrap_or_default().as_bytes();
        let head = RequestHead {
            method,
            forwarded_for: vec![address],
            connection: Connection {
                peer: address,
                ..Connection::default()
            },
            ..RequestHead::default()
        };
        let permission = Permission {
            action,
            repository: &record.repository,
            reference: &record.reference,
        };
        let outcome = self
            .side
            .engine
            .permits(principal, &permission, &head, now(record));
        let rule = match &outcome {
            Simulated::Allowed(rule) => Some(rule.as_str()),
            _ => None,
        };
        let pattern = self.pattern(&record.repository, caller);
        let of_pattern = pattern.and_then(|pattern| self.rules.get(&Some(pattern)));
        let of_admin = self.rules.get(&None);
        let of_action: Vec<&RuleView> = [of_pattern, of_admin]
            .into_iter()
            .flatten()
            .flatten()
            .filter(|rule| rule.actions.contains(&action.name()))
            .collect();
        if rule.is_none()
            && !record.has_all_groups
            && caller.user.is_some()
            && has_groups(&of_action)
        {
            // A rule that may have granted something.
            self.used.extend(of_action.iter().map(|rule| place(rule)));
            return Decided::Unknown(Unknown {
                why: "not all groups".to_owned(),
                basis: Some(vec![format!("{of_action:?}")]),
            });
        }
        let applying: Vec<&RuleView> = of_action
            .into_iter()
            .filter(|rule| names(rule, caller))
            .collect();
        let is_certain = applying.iter().any(|rule| rule.conditions.is_empty());
        let mut missing = None;
        let mut used: Vec<String> = rule.map(str::to_owned).into_iter().collect();
        for unknown in &applying {
            if let Some(lacking) = lacking(unknown, record) {
                // It may have granted something.
                used.push(place(unknown));
                if rule == Some(place(unknown).as_str()) || rule.is_none() {
                    missing.get_or_insert(lacking);
                }
            }
        }
        let decided = match missing {
            Some(missing) if !is_certain => {
                // Who is an administrator is a matter of the policy as a whole.
                let reads_auth = applying.iter().any(|rule| rule.reads.contains("auth"));
                let basis = (!reads_auth).then(|| basis(action, &applying));
                Decided::Unknown(Unknown {
                    why: missing,
                    basis,
                })
            }
            _ => granted(&outcome),
        };
        self.used.extend(used);
        decided
    }
}

/// The place of a rule, as the engine says it.
fn place(rule: &RuleView) -> String {
    match &rule.pattern {
        Some(pattern) => format!("repositories[\"{pattern}\"].{}", rule.place),
        None => rule.place.clone(),
    }
}

fn now(record: &Record) -> UnixTime {
    record.time.unwrap_or(UnixTime::from_secs(0))
}

fn granted(outcome: &Simulated) -> Decided {
    if outcome.is_granted() {
        Decided::Granted
    } else {
        Decided::Refused
    }
}

/// The conditions that decide about an action, each rule once.
fn basis(action: Action, rules: &[&RuleView]) -> Vec<String> {
    let all = rules.iter().map(|rule| {
        let conditions: Vec<&str> = rule.conditions.iter().map(|text| text.trim()).collect();
        format!("{} if {}", action.name(), conditions.join(" and "))
    });
    let all: BTreeSet<String> = all.collect();
    all.into_iter().collect()
}

/// All of them: one that is refused refuses it, whatever is not known of others.
fn all(decided: impl Iterator<Item = Decided>) -> Decided {
    let mut unknown: Option<Unknown> = None;
    for one in decided {
        match (one, &mut unknown) {
            (Decided::Refused, _) => return Decided::Refused,
            (Decided::Granted, _) => {}
            (Decided::Unknown(one), None) => unknown = Some(one),
            (Decided::Unknown(one), Some(known)) => {
                let basis = known.basis.take().zip(one.basis);
                known.basis = basis.map(|(known, more)| [known, more].concat());
            }
        }
    }
    unknown.map_or(Decided::Granted, Decided::Unknown)
}

/// One of two, and it is not known which.
fn either(create: Decided, update: Decided) -> Decided {
    let texts = |decided: &Decided| match decided {
        Decided::Granted => Some(vec!["granted".to_owned()]),
        Decided::Refused => Some(vec!["refused".to_owned()]),
        Decided::Unknown(unknown) => unknown.basis.clone(),
    };
    let basis = texts(&create)
        .zip(texts(&update))
        .map(|(create, update)| [create, update].concat());
    let why = match (create, update) {
        (Decided::Granted, Decided::Granted) => return Decided::Granted,
        (Decided::Refused, Decided::Refused) => return Decided::Refused,
        (Decided::Unknown(unknown), _) | (_, Decided::Unknown(unknown)) => unknown.why,
        _ => "no `tagExists`".to_owned(),
    };
    Decided::Unknown(Unknown { why, basis })
}

fn principal(record: &Record, caller: &Caller) -> Principal {
    let Some(name) = caller.user.clone() else {
        return Principal::Anonymous;
    };
    let mut claims = record.claims.clone();
    if let Some(issuer) = &record.issuer {
        claims
            .entry("iss")
            .or_insert_with(|| issuer.as_str().into());
    }
    Principal::Mapped {
        name,
        groups: caller.groups.clone(),
        claims,
    }
}

fn names(rule: &RuleView, caller: &Caller) -> bool {
    match (&rule.names, &caller.user) {
        (Named::Anybody, _) => true,
        (Named::Authenticated, user) => user.is_some(),
        (Named::Some { .. }, None) => false,
        (Named::Some { users, groups }, Some(user)) => {
            users.contains(user) || caller.groups.iter().any(|group| groups.contains(group))
        }
    }
}

/// Returns true if a rule names a group.
fn has_groups(rules: &[&RuleView]) -> bool {
    let mut rules = rules.iter();
    rules.any(|rule| matches!(&rule.names, Named::Some { groups, .. } if !groups.is_empty()))
}

/// What the conditions of a rule may read that a record has not, in words.
fn lacking(rule: &RuleView, record: &Record) -> Option<String> {
    let reads = match &rule.reads {
        Members::All => return Some("a condition reads all of `req`".to_owned()),
        Members::These(reads) => reads,
    };
    let member = reads.iter().find(|member| match member.as_str() {
        "userAgent" | "tls" => true,
        "method" => record.method.is_none(),
        "user" => !record.has_all_groups,
        "time" => record.time.is_none(),
        "client" => record.client.is_none() || !reads_address_only(rule),
        _ => false,
    });
    if let Some(member) = member {
        return Some(format!("no `req.{member}`"));
    }
    if !rule.reads.contains("claims") {
        return None;
    }
    claim_lacking(&rule.claims, record)
}

/// The forwarded addresses of a client are not recorded.
fn reads_address_only(rule: &RuleView) -> bool {
    let mut conditions = rule.conditions.iter();
    conditions.all(|text| text.matches("client").count() == text.matches("client.ip").count())
}

/// Which of some claims a record has not, in words.
pub(super) fn claim_lacking(claims: &Members, record: &Record) -> Option<String> {
    match claims {
        Members::All => Some("all claims are read".to_owned()),
        Members::These(claims) => {
            let is_known = |claim: &String| {
                record.claims.contains_key(claim) || claim == "iss" && record.issuer.is_some()
            };
            let claim = claims.iter().find(|claim| !is_known(claim))?;
            Some(format!("no claim `{claim}`"))
        }
    }
}
