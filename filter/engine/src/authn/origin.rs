//! What a minted token records of the credential that it was issued for, so that it may do no more
//! than that.

use registry_auth_cel::Members;
use serde_json::{Map, Value};

use crate::authn::claims::Claims;

/// The private claim (RFC 7519 section 4.3) of minted tokens.
pub(crate) const CLAIM: &str = "origin";

const CLAIMS: &str = "claims";
const ABSENT: &str = "absent";
const GROUPS: &str = "groups";
const CATALOG: &str = "catalog";
/// The token is for a question of the filter itself.
const QUESTION: &str = "question";

/// Every other claim is absent.
const OTHERS: &str = "*";
/// The groups are those of `http.accessControl.groups`, at the moment of each request.
const CONFIGURED: &str = "accessControl";

/// Returns true if these are the claims of a minted token that something restricts.
pub(crate) fn is_recorded(claims: &Claims) -> bool {
    claims.as_map().get(CLAIM).is_some_and(Value::is_object)
}

/// The claim `origin`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// Claims of the credential.
    claims: Claims,
    /// Claims that the credential does not have.
    absent: Members,
    /// The groups of the user are those of the configuration.
    has_configured_groups: bool,
    /// For a token of a token server: its `access` claim covers the catalog.
    catalog: Option<bool>,
    /// The token is for a question of the filter itself: no client may present it.
    is_question: bool,
}

impl Default for Origin {
    fn default() -> Self {
        let claims = Claims::new(Map::new());
        Self {
            claims,
            absent: Members::default(),
            has_configured_groups: false,
            catalog: None,
            is_question: false,
        }
    }
}

impl Origin {
    /// Of a token with these claims, as far as conditions read them.
    pub(crate) fn of_token(claims: &Claims, read: &Members) -> Self {
        let carried = claims
            .as_map()
            .iter()
            .filter(|(name, _)| read.contains(name));
        let carried: Map<_, _> = carried
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let absent = match read {
            Members::All => Members::All,
            Members::These(names) => Members::These(
                names
                    .iter()
                    .filter(|name| !carried.contains_key(*name))
                    .cloned()
                    .collect(),
            ),
        };
        Self {
            claims: Claims::new(carried),
            absent,
            ..Self::default()
        }
    }

    /// Of a client certificate: it has no claims, and its groups are those of the configuration.
    pub(crate) fn of_certificate() -> Self {
        Self {
            absent: Members::All,
            has_configured_groups: true,
            ..Self::default()
        }
    }

    /// Of no credential: the filter asks the registry on its own behalf.
    pub(crate) fn of_question() -> Self {
        Self {
            is_question: true,
            ..Self::default()
        }
    }

    /// The same for a token of a token server, whose `access` claim covers the catalog or does not.
    pub(crate) fn with_catalog(self, catalog: Option<bool>) -> Self {
        Self { catalog, ..self }
    }

    /// The claims that are carried.
    pub(crate) const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns true if the value or the absence of each of these claims is known. A policy that was
    /// changed since may read others; treating those as absent would grant what they restrict.
    pub(crate) fn knows(&self, read: &Members) -> bool {
        match (read, &self.absent) {
            (_, Members::All) => true,
            (Members::All, Members::These(_)) => false,
            (Members::These(names), absent) => names
                .iter()
                .all(|name| self.claims.as_map().contains_key(name) || absent.contains(name)),
        }
    }

    /// Returns true if the groups of the user are those of the configuration.
    pub(crate) const fn has_configured_groups(&self) -> bool {
        self.has_configured_groups
    }

    /// Returns true if it is a token of a token server, with an `access` claim.
    pub(crate) const fn is_of_token_server(&self) -> bool {
        self.catalog.is_some()
    }

    /// Returns true unless the `access` claim of the credential does not cover the catalog.
    pub(crate) const fn may_list(&self) -> bool {
        !matches!(self.catalog, Some(false))
    }

    /// The value of the claim; `None` if it would be empty.
    pub(crate) fn to_value(&self) -> Option<Value> {
        let mut members = Map::new();
        if !self.claims.as_map().is_empty() {
            members.insert(CLAIMS.to_owned(), self.claims.as_map().clone().into());
        }
        match &self.absent {
            Members::All => drop(members.insert(ABSENT.to_owned(), OTHERS.into())),
            Members::These(names) if names.is_empty() => {}
            Members::These(names) => {
                drop(members.insert(ABSENT.to_owned(), names.as_slice().into()));
            }
        }
        if self.has_configured_groups {
            members.insert(GROUPS.to_owned(), CONFIGURED.into());
        }
        if let Some(catalog) = self.catalog {
            members.insert(CATALOG.to_owned(), catalog.into());
        }
        if self.is_question {
            members.insert(QUESTION.to_owned(), true.into());
        }
        (!members.is_empty()).then(|| members.into())
    }

    /// Reads the claim of a minted token. `None` if it has another form, since it may be a
    /// restriction that is not understood here, and for the token of a question: a registry that
    /// receives it must not be able to use it.
    pub(crate) fn read(claims: &Claims) -> Option<Self> {
        let mut origin = Self::default();
        let members = match claims.as_map().get(CLAIM) {
            None => return Some(origin),
            Some(members) => members.as_object()?,
        };
        for (name, value) in members {
            match (name.as_str(), value) {
                (CLAIMS, Value::Object(claims)) => origin.claims = Claims::new(claims.clone()),
                (ABSENT, Value::String(others)) if others == OTHERS => origin.absent = Members::All,
                (ABSENT, Value::Array(names)) => {
                    let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                    origin.absent = Members::These(names.collect::<Option<_>>()?);
                }
                (GROUPS, Value::String(groups)) if groups == CONFIGURED => {
                    origin.has_configured_groups = true;
                }
                (CATALOG, Value::Bool(catalog)) => origin.catalog = Some(*catalog),
                _ => return None,
            }
        }
        Some(origin)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Claims {
        Claims::new(value.as_object().unwrap().clone())
    }

    fn these(names: &[&str]) -> Members {
        Members::These(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_is_carried_is_what_conditions_read() {
        let source = claims(&json!({ "a": 1, "b": null, "c": { "d": [0.1] } }));
        let rows = [
            (these(&[]), None),
            (these(&["a"]), Some(json!({ "claims": { "a": 1 } }))),
            (
                these(&["b", "x"]),
                Some(json!({ "claims": { "b": null }, "absent": ["x"] })),
            ),
            (these(&["x"]), Some(json!({ "absent": ["x"] }))),
            (
                Members::All,
                Some(
                    json!({ "claims": { "a": 1, "b": null, "c": { "d": [0.1] } }, "absent": "*" }),
                ),
            ),
        ];
        for (read, expected) in rows {
            let origin = Origin::of_token(&source, &read);
            assert_eq!(origin.to_value(), expected, "{read:?}");
            assert!(origin.knows(&read), "{read:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let source = claims(&json!({ "a": 1.5, "n": null }));
        let mut origins = vec![Origin::default(), Origin::of_certificate()];
        for read in [these(&[]), these(&["a", "n", "x"]), Members::All] {
            let of_token = Origin::of_token(&source, &read);
            origins.extend(
                [None, Some(true), Some(false)]
                    .map(|catalog| of_token.clone().with_catalog(catalog)),
            );
        }
        for origin in origins {
            let written = origin
                .to_value()
                .map_or_else(|| json!({}), |value| json!({ CLAIM: value }));
            assert_eq!(Origin::read(&claims(&written)), Some(origin), "{written}");
        }
    }

    #[test]
    fn a_claim_that_was_not_looked_for_is_not_taken_for_absent() {
        let source = claims(&json!({ "a": 1 }));
        let rows = [
            (these(&["a", "x"]), these(&["x", "a"]), true),
            (these(&["a", "x"]), these(&[]), true),
            (these(&["a"]), these(&["a", "x"]), false),
            (these(&[]), these(&["a"]), false),
            (these(&["a", "x"]), Members::All, false),
            (Members::All, these(&["a", "y"]), true),
            (Members::All, Members::All, true),
        ];
        for (carried, read, knows) in rows {
            assert_eq!(
                Origin::of_token(&source, &carried).knows(&read),
                knows,
                "{carried:?} {read:?}"
            );
        }
        assert!(Origin::of_certificate().knows(&Members::All));
        assert!(!Origin::default().knows(&these(&["a"])));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let rows = [
            json!(null),
            json!("x"),
            json!([]),
            json!({ "claims": [] }),
            json!({ "claims": null }),
            json!({ "absent": "x" }),
            json!({ "absent": [1] }),
            json!({ "absent": null }),
            json!({ "groups": "x" }),
            json!({ "groups": true }),
            json!({ "catalog": "false" }),
            json!({ "until": 1 }),
            Origin::of_question().to_value().unwrap(),
        ];
        for row in rows {
            assert_eq!(Origin::read(&claims(&json!({ CLAIM: row }))), None, "{row}");
        }
    }

    #[test]
    fn debug_shows_no_claim() {
        let origin = Origin::of_token(&claims(&json!({ "a": "hunter2" })), &Members::All);
        assert!(!format!("{origin:?}").contains("hunter2"));
    }
}
