//! One other claim with which a token would be let in, or its holder be allowed it.

use registry_auth_engine::authz::{Named, RuleView};
use registry_auth_engine::config::raw::{ClaimMapping, Document, Oidc};
use registry_auth_engine::engine::Principal;
use serde_json::{Map, Value};

use super::expressions::{claims as claims_of, literals};

/// The most claims, and the most values of each, that are tried.
const CLAIMS: usize = 16;
const VALUES: usize = 48;
/// The longest value that is shown.
const MAX_VALUE: usize = 200;

/// What is known where another claim is looked for.
pub(super) struct Search<'a> {
    pub(super) document: &'a Document,
    pub(super) issuer: &'a str,
    pub(super) claims: &'a Map<String, Value>,
    /// They are all that the token has.
    pub(super) is_whole: bool,
    pub(super) rules: &'a [RuleView],
    /// The expressions that were false or could not be evaluated: what they read is tried first.
    pub(super) failed: Vec<&'a str>,
}

impl Search<'_> {
    /// The first change with which the caller is let.
    pub(super) fn first(&self, lets: &dyn Fn(&Principal) -> bool) -> Option<String> {
        // With these claims it is allowed: what is wrong with the token is none of them.
        if lets(&self.principal(self.issuer, self.claims.clone())) {
            return None;
        }
        let entries = self.document.bearer.iter().flat_map(|bearer| &bearer.oidc);
        let near: Vec<_> = entries.filter(|entry| self.is_near(entry)).collect();
        let issuer = near
            .iter()
            .find_map(|entry| self.another_issuer(entry, lets));
        let audience = || {
            near.iter()
                .find_map(|entry| self.another_audience(entry, lets))
        };
        let claim = || {
            near.iter()
                .find_map(|entry| self.another_claim(entry, lets))
        };
        issuer.or_else(audience).or_else(claim)
    }

    /// Returns true if the issuer differs by upper case and a slash at most, or any is accepted.
    fn is_near(&self, entry: &Oidc) -> bool {
        let [one, other] = [&entry.issuer, self.claimed()].map(|name| name.trim_end_matches('/'));
        one.eq_ignore_ascii_case(other) || entry.skip_issuer_verification
    }

    fn claimed(&self) -> &str {
        let named = self.claims.get("iss").and_then(Value::as_str);
        named.unwrap_or(self.issuer)
    }

    fn principal(&self, issuer: &str, claims: Map<String, Value>) -> Principal {
        if self.is_whole {
            return Principal::Token { claims };
        }
        Principal::Claims {
            issuer: issuer.to_owned(),
            claims,
        }
    }

    fn with(&self, name: &str, value: Value) -> Principal {
        let mut claims = self.claims.clone();
        claims.insert(name.to_owned(), value);
        self.principal(self.issuer, claims)
    }

    fn another_issuer(&self, entry: &Oidc, lets: &dyn Fn(&Principal) -> bool) -> Option<String> {
        let mut claims = self.claims.clone();
        claims.insert("iss".to_owned(), entry.issuer.clone().into());
        let changed = self.principal(&entry.issuer, claims);
        (entry.issuer != self.claimed() && lets(&changed))
            .then(|| format!("the issuer exactly `{}`", entry.issuer))
    }

    fn another_audience(&self, entry: &Oidc, lets: &dyn Fn(&Principal) -> bool) -> Option<String> {
        let mut audiences = entry.audiences.iter();
        let audience = audiences.find(|name| lets(&self.with("aud", name.as_str().into())))?;
        Some(format!("the audience `{audience}`"))
    }

    fn another_claim(&self, entry: &Oidc, lets: &dyn Fn(&Principal) -> bool) -> Option<String> {
        let written: Vec<&str> = entry.claim_mapping.iter().flat_map(texts).collect();
        let conditions = self.rules.iter().flat_map(|rule| &rule.conditions);
        let expressions: Vec<&str> = written
            .iter()
            .copied()
            .chain(conditions.map(|text| &**text))
            .collect();
        let mut paths = Vec::new();
        for expression in self.failed.iter().chain(&expressions) {
            for path in claims_of(expression) {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        let values = self.values(&written, &expressions);
        let let_in = |claims| lets(&self.principal(self.issuer, claims));
        let first = |path: &&Vec<String>| {
            let mut values = values.iter().take(VALUES);
            values.find(|value| changes(self.claims, path, value).into_iter().any(let_in))
        };
        let mut found = paths.iter().take(CLAIMS).map(|path| (path, first(&path)));
        let (path, value) = found.find_map(|(path, value)| Some((path, value?)))?;
        let name = path.join(".");
        Some(if is_in(self.claims, path) {
            format!("the claim `{name}` with `{value}`")
        } else {
            format!("a claim `{name}`, such as `{value}`")
        })
    }

    /// What a claim may have to be: what expressions compare with, and what is left of the names in
    /// rules without the text that a mapping puts in front.
    fn values(&self, mapping: &[&str], expressions: &[&str]) -> Vec<String> {
        let fronts: Vec<&str> = mapping.iter().flat_map(|text| literals(text)).collect();
        let mut values: Vec<String> = Vec::new();
        let mut add = |value: &str| {
            let is_new = !values.iter().any(|known| known == value);
            let is_plain = !value.chars().any(char::is_control);
            if is_new && is_plain && !value.is_empty() && value.len() <= MAX_VALUE {
                values.push(value.to_owned());
            }
        };
        for text in &self.failed {
            literals(text).into_iter().for_each(&mut add);
        }
        for rule in self.rules {
            let Named::Some { users, groups } = &rule.names else {
                continue;
            };
            for name in users.iter().chain(groups) {
                let ends = fronts.iter().filter_map(|front| name.strip_prefix(front));
                ends.for_each(&mut add);
                add(name);
            }
        }
        for text in expressions {
            literals(text).into_iter().for_each(&mut add);
        }
        values
    }
}

/// The expressions of a claim mapping.
fn texts(mapping: &ClaimMapping) -> Vec<&str> {
    let validations = mapping.validations.iter().map(|one| &one.expression);
    let variables = mapping.variables.iter().map(|one| &one.expression);
    let named = mapping.username.iter().chain(&mapping.groups);
    let all = validations.chain(variables).chain(named);
    all.map(String::as_str).collect()
}

/// The claims with another value at a path: in the place of a text, as a member of a list, and as
/// either where there is nothing.
fn changes(claims: &Map<String, Value>, path: &[String], value: &str) -> Vec<Map<String, Value>> {
    let new = |list: bool| {
        let mut changed = claims.clone();
        set(&mut changed, path, value, list)?;
        Some(changed)
    };
    [false, true].into_iter().filter_map(new).collect()
}

/// Returns true if there is something at a path.
fn is_in(claims: &Map<String, Value>, path: &[String]) -> bool {
    match path.split_first() {
        None => true,
        Some((name, [])) => claims.contains_key(name),
        Some((name, rest)) => {
            let inner = claims.get(name).and_then(Value::as_object);
            inner.is_some_and(|inner| is_in(inner, rest))
        }
    }
}

fn set(claims: &mut Map<String, Value>, path: &[String], value: &str, list: bool) -> Option<()> {
    let (name, rest) = path.split_first()?;
    if rest.is_empty() {
        let value = Value::from(value);
        match (claims.get_mut(name), list) {
            (Some(Value::Array(items)), true) => items.push(value),
            (None, true) => {
                claims.insert(name.clone(), Value::Array(vec![value]));
            }
            (None | Some(Value::String(_)), false) => {
                claims.insert(name.clone(), value);
            }
            _ => return None,
        }
        return Some(());
    }
    let inner = claims
        .entry(name.as_str())
        .or_insert_with(|| Map::new().into());
    set(inner.as_object_mut()?, rest, value, list)
}
