//! `issuer` and `jwksUri` of an entry of `http.auth.bearer.oidc`: who the issuer is, and where its
//! keys are.

use crate::authn::issuer::is_named;
use crate::config::{Diagnostics, raw};
use crate::keys::fetch::KeyRequest;
use crate::url::{BaseUrl, HttpUrl, UrlError};

/// Who signs: `iss` of its tokens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// A URL, below which its documents are (`OpenID` Connect Discovery 1.0 section 4).
    Url(BaseUrl),
    /// Any other text, such as the address of a service account. Keys cannot be found by it.
    Name,
}

impl Issuer {
    /// Reads `issuer`, wherever the keys come from. What begins like a URL has to be one, without
    /// query or fragment (`OpenID` Connect Core 1.0 section 2).
    pub(super) fn read(raw: &raw::Oidc, path: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let message = match BaseUrl::parse(&raw.issuer) {
            _ if raw.issuer.is_empty() => "must be given".to_owned(),
            Ok(url) => return Some(Self::Url(url)),
            Err(UrlError::NotHttp) => return Some(Self::Name),
            // Not the text itself: it may hold a password.
            Err(error) => error.to_string(),
        };
        diagnostics.error(format!("{path}.issuer"), message);
        None
    }

    /// The first request for its keys. Reads `jwksUri`, which skips discovery; keys are fetched
    /// over https, unless the issuer itself is http.
    pub(super) fn first_request(
        &self,
        raw: &raw::Oidc,
        path: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<KeyRequest> {
        let (place, message) = match (self, raw.jwks_uri.as_deref().map(HttpUrl::parse)) {
            (Self::Url(issuer), None) => {
                return Some(KeyRequest::discovery(issuer));
            }
            (Self::Name, None) => (
                "issuer",
                format!(
                    "{}, so it cannot be asked for keys; set `jwksUri` or `jwks`",
                    UrlError::NotHttp
                ),
            ),
            (_, Some(Err(error))) => ("jwksUri", error.to_string()),
            (_, Some(Ok(url))) if url.is_https() || self.is_http() => {
                return Some(KeyRequest::keys(url));
            }
            (_, Some(Ok(_))) => (
                "jwksUri",
                "must be https: only an issuer that is http itself may have keys without it"
                    .to_owned(),
            ),
        };
        diagnostics.error(format!("{path}.{place}"), message);
        None
    }

    fn is_http(&self) -> bool {
        matches!(self, Self::Url(issuer) if !issuer.url().is_https())
    }
}

/// Refuses an issuer that another entry has as its second name: tokens would be verified with the
/// keys of either.
pub(super) fn keep_apart(entries: &[raw::Oidc], path: &str, diagnostics: &mut Diagnostics) {
    for (index, entry) in entries.iter().enumerate() {
        let is_second_name = |other: &raw::Oidc| {
            other.issuer != entry.issuer && is_named(&other.issuer, &entry.issuer)
        };
        if let Some(other) = entries.iter().find(|other| is_second_name(other)) {
            let message = format!(
                "is another name of the issuer `{}`, which has an entry: keep one",
                other.issuer
            );
            diagnostics.error(format!("{path}[{index}].issuer"), message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::compile::tests::{diagnose, good, merge};
    use crate::config::Diagnostics;

    const ROBOT: &str = "builder@project.iam.gserviceaccount.com";
    const ROBOT_KEYS: &str = "https://www.googleapis.com/service_accounts/v1/jwk/builder@project.iam.gserviceaccount.com";

    fn with(entry: &Value) -> Diagnostics {
        let mut document = good();
        let mut whole = json!({ "audiences": ["registry"], "cluster": "i" });
        merge(&mut whole, entry);
        document["http"]["auth"]["bearer"]["oidc"] = json!([whole]);
        diagnose(&document)
    }

    /// The inline keys of the good document.
    fn jwks() -> Value {
        json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }] })
    }

    #[test]
    fn issuers_and_key_addresses_of_the_field_are_accepted() {
        let rows = [
            json!({ "issuer": "https://token.actions.githubusercontent.com" }),
            json!({ "issuer": "https://login.microsoftonline.com/t/v2.0" }),
            json!({
                "issuer": "https://login.microsoftonline.com/t/v2.0",
                "jwksUri": "https://login.microsoftonline.com/t/discovery/v2.0/keys?appid=6731de76",
            }),
            json!({ "issuer": ROBOT, "jwksUri": ROBOT_KEYS }),
            json!({ "issuer": ROBOT, "jwksUri": ROBOT_KEYS, "keySource": "push", "cluster": null }),
            json!({ "issuer": ROBOT, "jwks": jwks() }),
            json!({ "issuer": "kubernetes/serviceaccount", "jwks": jwks() }),
            json!({ "issuer": "urn:example:issuer", "jwksUri": "https://a/keys" }),
            json!({ "issuer": "http://i", "jwksUri": "http://a/keys?x=y" }),
            json!({ "issuer": "http://i", "jwksUri": "https://a/keys" }),
        ];
        for entry in rows {
            assert_eq!(with(&entry).errors, [], "{entry}");
        }
    }

    #[test]
    fn both_names_of_google_are_one_issuer() {
        let both = |issuers: &[&str]| {
            let entry = |issuer: &&str| {
                json!({ "issuer": issuer, "audiences": ["registry"], "cluster": "i", "jwksUri": "https://a/keys",
                    "claimMapping": { "username": format!("'{issuer}:' + claims.sub") } })
            };
            let mut document = good();
            document["http"]["auth"]["bearer"]["oidc"] = issuers.iter().map(entry).collect();
            diagnose(&document).errors
        };
        let (google, second) = ("https://accounts.google.com", "accounts.google.com");
        for (issuers, index) in [([google, second], 1), ([second, google], 0)] {
            let found = both(&issuers);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                found[0].path,
                format!("http.auth.bearer.oidc[{index}].issuer")
            );
            assert!(found[0].message.contains("keep one"), "{}", found[0]);
        }
        for issuers in [[google, google], [second, second], ["https://i", "i"]] {
            assert_eq!(both(&issuers), []);
        }
    }

    #[test]
    fn each_broken_rule_is_named_where_it_is_broken() {
        let query = "has a query (`?`)";
        let rows = [
            (json!({ "issuer": "" }), "issuer", "must be given"),
            (
                json!({ "issuer": ROBOT }),
                "issuer",
                "set `jwksUri` or `jwks`",
            ),
            (
                json!({ "issuer": ROBOT, "keySource": "push", "cluster": null }),
                "issuer",
                "set `jwksUri` or `jwks`",
            ),
            (json!({ "issuer": "https://i/?p=x" }), "issuer", query),
            (
                json!({ "issuer": "https://i?p=x", "jwksUri": "https://a/keys" }),
                "issuer",
                query,
            ),
            (
                json!({ "issuer": "https://i?p=x", "jwks": jwks() }),
                "issuer",
                query,
            ),
            (
                json!({ "issuer": "https://i?p=x", "keySource": "push", "cluster": null }),
                "issuer",
                query,
            ),
            (
                json!({ "issuer": "https://i/#x", "jwks": jwks() }),
                "issuer",
                "has a fragment",
            ),
            (
                json!({ "issuer": "https://u:p@i" }),
                "issuer",
                "has user information",
            ),
            (
                json!({ "issuer": "https://" }),
                "issuer",
                "has no usable host",
            ),
            (json!({ "issuer": "https://i:x" }), "issuer", "has a port"),
            (
                json!({ "issuer": "https://i/a b" }),
                "issuer",
                "has a blank",
            ),
            (
                json!({ "issuer": "https://i", "jwksUri": "keys" }),
                "jwksUri",
                "is not an absolute http or https URL",
            ),
            (
                json!({ "issuer": "https://i", "jwksUri": "https://u@a/keys" }),
                "jwksUri",
                "has user information",
            ),
            (
                json!({ "issuer": "https://i", "jwksUri": "https://a/keys#x" }),
                "jwksUri",
                "has a fragment",
            ),
            (
                json!({ "issuer": "https://i", "jwksUri": "https://a/\nkeys" }),
                "jwksUri",
                "has a blank",
            ),
            (
                json!({ "issuer": "https://i", "jwksUri": "http://a/keys" }),
                "jwksUri",
                "must be https",
            ),
            (
                json!({ "issuer": ROBOT, "jwksUri": "http://a/keys" }),
                "jwksUri",
                "must be https",
            ),
        ];
        for (entry, place, message) in rows {
            let found = with(&entry).errors;
            let [error] = found.as_slice() else {
                panic!("{entry}: {found:?}")
            };
            assert_eq!(
                error.path,
                format!("http.auth.bearer.oidc[0].{place}"),
                "{entry}"
            );
            assert!(
                error.message.contains(message),
                "{entry}: {}",
                error.message
            );
            assert!(!error.message.contains("u:p"), "{}", error.message);
        }
    }
}
