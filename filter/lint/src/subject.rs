//! What is checked.

use std::collections::BTreeMap;

use registry_auth_engine::config::raw::{AccessControl, Document, Oidc, PolicyEntry};
use serde_json::Value;

use super::expression::{Use, Written};
use super::well_known::{self, WellKnown};

/// A configuration that could be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// As it was written.
    pub(crate) value: &'a Value,
    /// The same, decoded.
    pub(crate) document: &'a Document,
    /// The registry can be asked whether a tag exists.
    pub(crate) asks_upstream: bool,
}

/// An issuer with its mapping.
pub(crate) struct Issuer<'a> {
    pub(crate) path: String,
    pub(crate) raw: &'a Oidc,
    pub(crate) known: Option<&'static WellKnown>,
    /// Those that are CEL, in the order in which they are evaluated.
    pub(crate) expressions: Vec<Written<'a>>,
    /// The names of the variables that are among them, in their order.
    pub(crate) variables: Vec<&'a str>,
}

/// A grant to named users and groups.
pub(crate) struct Rule<'a> {
    /// None for `adminPolicy`.
    pub(crate) pattern: Option<&'a str>,
    pub(crate) path: String,
    pub(crate) raw: &'a PolicyEntry,
    pub(crate) conditions: Vec<Written<'a>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn issuers(&self) -> Vec<Issuer<'a>> {
        let entries = self.document.bearer.iter().flat_map(|bearer| &bearer.oidc);
        entries
            .enumerate()
            .map(|(index, raw)| issuer(index, raw))
            .collect()
    }

    pub(crate) fn control(&self) -> Option<&'a AccessControl> {
        self.document.access_control.as_ref()
    }

    /// All grants to named users and groups.
    pub(crate) fn rules(&self) -> Vec<Rule<'a>> {
        let Some(control) = self.control() else {
            return Vec::new();
        };
        let mut rules = Vec::new();
        for (pattern, group) in &control.repositories {
            for (index, raw) in group.policies.iter().enumerate() {
                let path = format!("{}.policies[{index}]", path_of(pattern));
                rules.push(rule(Some(pattern.as_str()), path, raw));
            }
        }
        if let Some(raw) = &control.admin_policy {
            rules.push(rule(None, "http.accessControl.adminPolicy".to_owned(), raw));
        }
        rules
    }

    /// Callers who are not those of an issuer: their names are not known here.
    pub(crate) fn has_other_callers(&self) -> bool {
        let document = self.document;
        let bearer = document.bearer.as_ref();
        let own_tokens = bearer
            .is_some_and(|bearer| bearer.cert.is_some() || bearer.aws_secrets_manager.is_some());
        let people = ["htpasswd", "ldap", "openid", "apikey"];
        let auth = member(self.value, "http").and_then(|http| member(http, "auth"));
        let logs_in = people
            .iter()
            .any(|name| auth.is_some_and(|auth| member(auth, name).is_some()));
        own_tokens || logs_in || document.mtls.is_some() || document.login.is_some()
    }
}

/// The path of a pattern, as the engine writes it.
pub(crate) fn path_of(pattern: &str) -> String {
    format!("http.accessControl.repositories[\"{pattern}\"]")
}

/// A member of an object, whatever its case.
pub(crate) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    let found = members
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

fn issuer(index: usize, raw: &Oidc) -> Issuer<'_> {
    let path = format!("http.auth.bearer.oidc[{index}]");
    let mut expressions = Vec::new();
    let mut variables = Vec::new();
    if let Some(mapping) = &raw.claim_mapping {
        let at = format!("{path}.claimMapping");
        for (index, variable) in mapping.variables.iter().enumerate() {
            let place = format!("{at}.variables[{index}].expression");
            if let Some(written) = Written::parse(place, Use::Variable, &variable.expression) {
                expressions.push(written);
                variables.push(variable.name.as_str());
            }
        }
        for (index, validation) in mapping.validations.iter().enumerate() {
            let place = format!("{at}.validations[{index}].expression");
            expressions.extend(Written::parse(
                place,
                Use::Validation,
                &validation.expression,
            ));
        }
        let single = [
            (Use::Username, "username", &mapping.username),
            (Use::Groups, "groups", &mapping.groups),
        ];
        for (used, name, source) in single {
            let source = source.as_deref().filter(|source| !source.is_empty());
            let written =
                source.and_then(|source| Written::parse(format!("{at}.{name}"), used, source));
            expressions.extend(written);
        }
    }
    Issuer {
        path,
        known: well_known::of(&raw.issuer),
        raw,
        expressions,
        variables,
    }
}

fn rule<'a>(pattern: Option<&'a str>, path: String, raw: &'a PolicyEntry) -> Rule<'a> {
    let conditions = raw.conditions.iter().enumerate();
    let conditions = conditions.filter_map(|(index, condition)| {
        let place = format!("{path}.conditions[{index}].expression");
        Written::parse(place, Use::Condition, &condition.expression)
    });
    Rule {
        pattern,
        conditions: conditions.collect(),
        path,
        raw,
    }
}

impl Issuer<'_> {
    pub(crate) fn of(&self, used: Use) -> impl Iterator<Item = &Written<'_>> {
        self.expressions
            .iter()
            .filter(move |written| written.used == used)
    }

    /// Which claims each variable reads, those of other variables included.
    pub(crate) fn claims_of_variables(&self) -> BTreeMap<&str, Vec<String>> {
        let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, written) in self.variables.iter().zip(self.of(Use::Variable)) {
            let claims = claims_read(written, &known);
            known.insert(name, claims);
        }
        known
    }
}

/// The claims that an expression reads, by their first name, also through variables.
pub(crate) fn claims_read(
    written: &Written<'_>,
    variables: &BTreeMap<&str, Vec<String>>,
) -> Vec<String> {
    let mut claims = Vec::new();
    for path in written.reads() {
        match path
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["claims", name, ..] | ["req", "claims", name, ..] => claims.push((*name).to_owned()),
            ["vars", name, ..] => claims.extend(variables.get(name).cloned().unwrap_or_default()),
            _ => {}
        }
    }
    claims
}
