//! `keySource: "push"`: an issuer that the shim asks, and whose keys it pushes.

use std::time::Duration;

use super::issuer::Issuer;
use crate::config::{Diagnostics, raw};
use crate::keys::envelope::{MAX_LIFE, MAX_NAME, issuer_set};
use crate::keys::source::SourceKind;
use crate::url::HttpUrl;

/// The longest `maxStale` of pushed keys.
const MAX_STALE: Duration = Duration::from_hours(720);
// An end is counted from a clock that may not be that of the generation.
const _: () = assert!(MAX_STALE.as_secs() < MAX_LIFE.as_secs());

/// Checks what all sections at `path` have in common whose keys are pushed: the push key, and that
/// an intake takes `set`, which is named by the value `name` of the section, for its `maxStale`.
pub(super) fn check(
    set: &str,
    max_stale: Option<Duration>,
    path: &str,
    name: &str,
    proxy: &raw::Proxy,
    diagnostics: &mut Diagnostics,
) {
    needs_key(path, proxy, diagnostics);
    check_name(set, &format!("{path}.{name}"), diagnostics);
    check_life(max_stale, path, diagnostics);
}

/// What is pushed needs a key that proves who pushed.
fn needs_key(path: &str, proxy: &raw::Proxy, diagnostics: &mut Diagnostics) {
    if proxy.push_key.is_none() {
        let message = "needs `proxy.pushKey`, such as {\"env\": \"REGISTRY_AUTH_PUSH_KEY\"}: its keys are pushed by `registry-auth serve`";
        diagnostics.error(path, message);
    }
}

/// Checks that the set named by the value at `path` has a name that an intake takes.
fn check_name(set: &str, path: &str, diagnostics: &mut Diagnostics) {
    if set.len() > MAX_NAME {
        let message = format!(
            "is too long: the name of the pushed set would be longer than {MAX_NAME} bytes"
        );
        diagnostics.error(path, message);
    }
}

/// Checks that an intake takes sets that are good for `maxStale` of the section at `path`.
fn check_life(max_stale: Option<Duration>, path: &str, diagnostics: &mut Diagnostics) {
    if max_stale.is_some_and(|life| life > MAX_STALE) {
        diagnostics.error(
            format!("{path}.maxStale"),
            "is too long for pushed keys: write at most `720h`",
        );
    }
}

/// The source of an issuer at `path` whose `keySource` is `push`.
pub(super) fn source(
    raw: &raw::Oidc,
    issuer: Option<&Issuer>,
    path: &str,
    proxy: &raw::Proxy,
    diagnostics: &mut Diagnostics,
) -> Option<SourceKind> {
    let at = |name: &str| format!("{path}.{name}");
    let set = issuer_set(&raw.issuer, raw.jwks_uri.as_deref());
    check(&set, raw.max_stale, path, "issuer", proxy, diagnostics);
    if raw.jwks.is_some() {
        diagnostics.error(
            at("jwks"),
            "cannot be combined with `keySource` `push`: keep one",
        );
    }
    for (name, value) in [
        ("cluster", &raw.cluster),
        ("jwksCluster", &raw.jwks_cluster),
    ] {
        if value.is_some() {
            diagnostics.warn(
                at(name),
                "has no effect with `keySource` `push`: the proxy does not ask this issuer",
            );
        }
    }
    if raw.issuer.contains(char::is_whitespace) {
        diagnostics.error(
            at("issuer"),
            "has white space, which no pushed set may have in the name of its issuer",
        );
    }
    let asked = raw.jwks_uri.as_deref().unwrap_or(&raw.issuer);
    if raw.token_file.is_some() && HttpUrl::parse(asked).is_ok_and(|url| !url.is_https()) {
        diagnostics.warn(
            at("tokenFile"),
            "is sent in clear text: the issuer is asked without https",
        );
    }
    issuer?
        .first_request(raw, path, diagnostics)
        .map(|_| SourceKind::Pushed(set))
}

/// Entries of one issuer share one pushed set, so what says how it is fetched must be the same in
/// all of them.
pub(super) fn agree(entries: &[raw::Oidc], path: &str, diagnostics: &mut Diagnostics) {
    let pushed = |entry: &(usize, &raw::Oidc)| entry.1.is_pushed();
    let pushed: Vec<_> = entries.iter().enumerate().filter(pushed).collect();
    for (index, entry) in &pushed {
        let Some((_, first)) = pushed
            .iter()
            .find(|(_, first)| first.issuer == entry.issuer)
        else {
            continue;
        };
        let differs = [
            ("jwksUri", first.jwks_uri != entry.jwks_uri),
            (
                "certificateAuthority",
                first.certificate_authority != entry.certificate_authority,
            ),
            (
                "certificateAuthorityFile",
                first.certificate_authority_file != entry.certificate_authority_file,
            ),
            ("tokenFile", first.token_file != entry.token_file),
            ("maxStale", first.max_stale != entry.max_stale),
        ];
        for (name, _) in differs.into_iter().filter(|(_, differs)| *differs) {
            let message = "must be that of the first entry of this issuer: their keys are fetched and pushed once";
            diagnostics.error(format!("{path}[{index}].{name}"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::compile::tests::{diagnose, good, merge};
    use crate::config::Diagnostics;

    fn pushed() -> Value {
        let mut document = good();
        document["http"]["auth"]["bearer"]["oidc"] = json!([{
            "issuer": "https://issuer.example.com", "audiences": ["registry"], "keySource": "push",
            "certificateAuthorityFile": "/ca.crt", "tokenFile": "/token",
        }]);
        document
    }

    /// The document with members of its entry laid over; null removes.
    fn with(members: &Value) -> Value {
        let mut document = pushed();
        merge(&mut document["http"]["auth"]["bearer"]["oidc"][0], members);
        document
    }

    #[test]
    fn an_issuer_that_is_pushed_needs_no_cluster_and_may_name_files() {
        for members in [
            json!({}),
            json!({ "tokenFile": null, "certificateAuthorityFile": null }),
            json!({ "jwksUri": "https://10.0.0.1:6443/openid/v1/jwks" }),
            json!({ "issuer": "no-url", "jwksUri": "https://10.0.0.1:6443/openid/v1/jwks" }),
            json!({ "tokenFile": "" }),
            json!({ "maxStale": "720h" }),
        ] {
            assert_eq!(
                diagnose(&with(&members)),
                Diagnostics::default(),
                "{members}"
            );
        }
    }

    #[test]
    fn every_misuse_names_its_place_and_what_to_write() {
        let long = format!("https://{}", "i".repeat(500));
        // (members, place, message)
        let rows = [
            (
                json!({ "keySource": null, "certificateAuthorityFile": null, "cluster": "i" }),
                ".tokenFile",
                "`push`",
            ),
            (
                json!({ "keySource": "callout", "cluster": "i" }),
                ".tokenFile",
                "`push`",
            ),
            (json!({ "jwks": { "keys": [] } }), ".jwks", "keep one"),
            (json!({ "issuer": "no-url" }), ".issuer", "absolute"),
            (json!({ "issuer": "https://i:port" }), ".issuer", "port"),
            (json!({ "issuer": long }), ".issuer", "too long"),
            (
                json!({ "issuer": "a b", "jwksUri": "https://a/b" }),
                ".issuer",
                "white space",
            ),
            (json!({ "maxStale": "721h" }), ".maxStale", "at most `720h`"),
            (json!({ "jwksUri": "x" }), ".jwksUri", "absolute"),
            (json!({ "jwksUri": "http://a/b" }), ".jwksUri", "https"),
            (json!({ "certificateAuthority": "x" }), "", "keep one"),
            (
                json!({ "certificateAuthority": "x", "certificateAuthorityFile": null }),
                ".certificateAuthority",
                "PEM",
            ),
        ];
        for (members, place, message) in rows {
            let found = diagnose(&with(&members)).errors;
            let path = format!("http.auth.bearer.oidc[0]{place}");
            let hit = found
                .iter()
                .any(|error| error.path == path && error.message.contains(message));
            assert!(hit, "{members}: {path} ({message}) is not among {found:#?}");
        }
        let mut document = pushed();
        document["proxy"] = json!({});
        assert!(
            diagnose(&document).errors[0]
                .message
                .contains("proxy.pushKey")
        );
    }

    #[test]
    fn what_has_no_effect_or_shows_the_token_is_warned_of() {
        let rows = [
            (json!({ "cluster": "i" }), "cluster", "no effect"),
            (json!({ "jwksCluster": "i" }), "jwksCluster", "no effect"),
            (json!({ "issuer": "http://i" }), "tokenFile", "clear text"),
        ];
        for (members, name, message) in rows {
            let Diagnostics { errors, warnings } = diagnose(&with(&members));
            assert_eq!(errors, []);
            let path = format!("http.auth.bearer.oidc[0].{name}");
            assert!(
                warnings
                    .iter()
                    .any(|warning| warning.path == path && warning.message.contains(message)),
                "{warnings:?}"
            );
        }
    }

    #[test]
    fn entries_of_one_issuer_are_fetched_in_one_way() {
        let two = |members: Value| {
            let mut document = with(&json!({}));
            let entries = document["http"]["auth"]["bearer"]["oidc"]
                .as_array_mut()
                .unwrap();
            let mut second = entries[0].clone();
            merge(&mut second, &members);
            let other = json!({ "issuer": "https://other.example.com", "audiences": ["registry"], "keySource": "push" });
            entries.insert(0, other);
            entries.push(second);
            diagnose(&document)
        };
        assert_eq!(
            two(json!({ "audiences": ["another"], "clockSkew": "1m" })),
            Diagnostics::default()
        );
        assert_eq!(
            two(
                json!({ "keySource": null, "cluster": "i", "tokenFile": null, "certificateAuthorityFile": null })
            ),
            Diagnostics::default()
        );
        for (name, value) in [
            ("tokenFile", "/another"),
            ("maxStale", "2h"),
            ("jwksUri", "https://a/b"),
        ] {
            let errors = two(json!({ name: value })).errors;
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(errors[0].path, format!("http.auth.bearer.oidc[2].{name}"));
        }
    }
}
