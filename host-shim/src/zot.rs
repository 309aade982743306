//! Finds the deviations of `docs/zot.md` that matter for a configuration: what it means here but
//! not in zot.

use std::collections::BTreeMap;

use registry_auth_engine::authz::Pattern;
use registry_auth_engine::config::ConfigError;
use registry_auth_engine::config::raw::{AccessControl, Bearer, Document, PolicyGroup};
use serde_json::Value;

use crate::overlap::overlap;

/// Returns the deviations, each with its JSON path. `people` says whether people log in, which the
/// document does not hold once it is read.
pub(crate) fn differences(document: &Document, people: bool) -> Vec<ConfigError> {
    let mut differences = Differences(Vec::new());
    if let Some(bearer) = &document.bearer {
        differences.bearer(bearer, document.access_control.is_some());
    }
    if let Some(control) = &document.access_control {
        let authenticates = document.bearer.is_some() || document.mtls.is_some() || people;
        differences.access_control(control, authenticates);
        differences.anonymous(control, document, authenticates);
    }
    if document.proxy.mounts {
        differences.add("proxy.mounts", "D48: zot searches all repositories for the digest of a mount, whatever `from` says; leave this key out when the registry is zot");
    }
    if document.bearer.is_some() && document.fail_delay.is_some_and(|seconds| seconds > 0) {
        differences.add(
            "http.auth.failDelay",
            "responses to bad tokens are delayed too; zot sends them at once",
        );
    }
    differences.0
}

/// Returns the members of zot's `storage` section by which it shares blobs between repositories
/// (`dedupe`, on when absent). With it, who knows the digest of a blob gets it from any repository:
/// zot links it there on request.
pub(crate) fn shared_blobs(document: &Value) -> Vec<ConfigError> {
    let Some(Value::Object(storage)) = member(document, "storage") else {
        return Vec::new();
    };
    let section = Value::Object(storage.clone());
    let own = std::iter::once(("storage.dedupe".to_owned(), &section));
    let below = member(&section, "subPaths")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let below =
        below.map(|(path, section)| (format!("storage.subPaths[\"{path}\"].dedupe"), section));
    let shared = own
        .chain(below)
        .filter(|(_, section)| member(section, "dedupe") != Some(&Value::Bool(false)));
    let message = "D48: zot serves a blob by its digest from every repository; set this key to false behind the filter";
    shared
        .map(|(path, _)| ConfigError {
            path,
            message: message.to_owned(),
        })
        .collect()
}

/// Returns a member of an object. As in zot, the case of its name does not matter.
fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

struct Differences(Vec<ConfigError>);

impl Differences {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(ConfigError {
            path: path.into(),
            message: message.into(),
        });
    }

    fn bearer(&mut self, bearer: &Bearer, has_policy: bool) {
        let path = "http.auth.bearer";
        if bearer.cert.is_some() || bearer.aws_secrets_manager.is_some() {
            if has_policy && !bearer.bypass_access_control {
                self.add(path, "D3: accessControl applies to tokens of `cert` and `awsSecretsManager` too, with `sub` as user name; zot skips it, as `bypassAccessControl: true` does here");
            }
            self.add(
                path,
                "D4: these tokens must have `exp`, which zot does not require",
            );
        }
        for (index, oidc) in bearer.oidc.iter().enumerate() {
            let username = oidc
                .claim_mapping
                .as_ref()
                .and_then(|mapping| mapping.username.as_deref());
            if username.is_some_and(|expression| !expression.contains("claims.sub")) {
                let path = format!("{path}.oidc[{index}].claimMapping.username");
                self.add(
                    path,
                    "D15: tokens must have `sub` and `iat` even when these are not mapped; zot does not require them",
                );
            }
        }
    }

    fn access_control(&mut self, control: &AccessControl, authenticates: bool) {
        let path = "http.accessControl";
        if control.repositories.is_empty() && control.admin_policy.is_none() {
            self.add(
                path,
                "D2: nobody may do anything; zot treats it as absent and allows everything",
            );
        }
        for group in control
            .groups
            .keys()
            .filter(|group| group.chars().any(char::is_uppercase))
        {
            self.add(
                format!("{path}.groups[\"{group}\"]"),
                "D14: the name is compared as written; zot converts it to lower case",
            );
        }
        for (pattern, group) in &control.repositories {
            let path = format!("{path}.repositories[\"{pattern}\"]");
            if has_slashing_class(pattern) {
                self.add(
                    &path,
                    "D16: a class never matches `/`; in zot this one does",
                );
            }
            self.group(&path, group, authenticates);
        }
        self.ties(&control.repositories);
    }

    /// Deviations for requests without a credential, and for those with one if no authentication is
    /// configured.
    fn anonymous(&mut self, control: &AccessControl, document: &Document, authenticates: bool) {
        if control
            .repositories
            .values()
            .all(|group| group.anonymous_policy.is_empty())
        {
            return;
        }
        let message = if document.bearer.is_some() {
            "anonymousPolicy applies with `bearer` too, as in zot after 2.1.20; earlier versions refuse every request without a token"
        } else if !authenticates {
            "requests with a credential are refused, as no authentication is configured; zot ignores the credential"
        } else {
            return;
        };
        self.add("http.accessControl", message);
    }

    fn group(&mut self, path: &str, group: &PolicyGroup, authenticates: bool) {
        if authenticates
            && group
                .anonymous_policy
                .iter()
                .any(|action| !group.default_policy.contains(action))
        {
            let message = "D9: authenticated callers may do this too; zot refuses them what only anonymousPolicy grants";
            self.add(format!("{path}.anonymousPolicy"), message);
        }
        for (index, entry) in group.policies.iter().enumerate() {
            if !entry.conditions.is_empty() && entry.actions.iter().any(|action| action == "read") {
                let message = "D12: conditions apply to what the catalog lists too; zot always lists such repositories";
                self.add(format!("{path}.policies[{index}].conditions"), message);
            }
        }
    }

    /// Reports patterns of the same length that match some name in common.
    fn ties(&mut self, repositories: &BTreeMap<String, PolicyGroup>) {
        let mut by_length: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for pattern in repositories.keys() {
            by_length.entry(pattern.len()).or_default().push(pattern);
        }
        for patterns in by_length.values() {
            for (index, one) in patterns.iter().enumerate() {
                for other in patterns
                    .iter()
                    .skip(index + 1)
                    .filter(|other| overlap(one, other))
                {
                    let decides = if rank(one) <= rank(other) { one } else { other };
                    let message = format!(
                        "D8: has the same length as `{other}`, and both match some names; `{decides}` decides, in zot either of them at random"
                    );
                    self.add(
                        format!("http.accessControl.repositories[\"{one}\"]"),
                        message,
                    );
                }
            }
        }
    }
}

/// The order in which patterns of one length decide: fewer wildcards first, then lexical order.
fn rank(pattern: &str) -> (usize, &str) {
    (
        Pattern::compile(pattern).map_or(usize::MAX, |pattern| pattern.wildcards()),
        pattern,
    )
}

/// Returns true if the pattern has a negated class, or one with a slash.
fn has_slashing_class(pattern: &str) -> bool {
    let classes = pattern
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split_once(']'));
    classes
        .into_iter()
        .any(|(class, _)| class.starts_with(['!', '^']) || class.contains('/'))
}

#[cfg(test)]
mod tests {
    use registry_auth_engine::config::{Role, decode_value};
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_are_refused_only_where_nobody_authenticates() {
        let refused = "requests with a credential are refused";
        let also = "D9: authenticated callers may do this too";
        // (mtls, people, start of the only message)
        let rows = [
            (false, false, refused),
            (true, false, also),
            (false, true, also),
        ];
        for (mtls, people, expected) in rows {
            let mut http = json!({ "accessControl": { "repositories": { "a": { "anonymousPolicy": "read" } } } });
            if mtls {
                http["auth"] = json!({ "mtls": {} });
            }
            let Role::Filter(document) = decode_value(json!({ "http": http })).0 else {
                panic!("no filter");
            };
            let found = differences(&document, people);
            let found: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
            assert_eq!(found.len(), 1, "{mtls} {people}: {found:?}");
            assert!(found[0].starts_with(expected), "{mtls} {people}: {found:?}");
        }
    }
}
