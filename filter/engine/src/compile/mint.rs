//! `http.auth.bearer.mint`: the token endpoint signs tokens of its own.

use std::time::Duration;

use super::sources::{add, secrets_manager};
use crate::authn::bearer::Bearer;
use crate::authn::issuer::is_named;
use crate::authn::verify::KeyIdRule;
use crate::config::{Diagnostics, raw};
use crate::keys::LIBTRUST;
use crate::keys::algorithm::Algorithm;
use crate::keys::envelope::signing_set;
use crate::keys::source::{Source, SourceKind};
use crate::token_endpoint::mint::Mint;
use crate::token_endpoint::subject::CLOCK_SKEW;
use crate::url::BaseUrl;

const PATH: &str = "http.auth.bearer.mint";

const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// Docker uses a token for at least this long.
const MIN_LIFETIME: Duration = Duration::from_mins(1);
/// A registry that is reached without the filter accepts for that long what the policy allowed when
/// the token was minted.
const MAX_LIFETIME: Duration = Duration::from_hours(1);

/// Compiles the section, if it is there; the source of its key is appended.
pub(super) fn compile(
    bearer: &raw::Bearer,
    proxy: &raw::Proxy,
    sources: &mut Vec<Source>,
    diagnostics: &mut Diagnostics,
) -> Option<Mint> {
    let raw = bearer.mint.as_ref()?;
    let at = |name: &str| format!("{PATH}.{name}");
    if raw.issuer.is_empty() {
        diagnostics.error(at("issuer"), "must be given");
    } else if bearer
        .oidc
        .iter()
        .any(|oidc| is_named(&oidc.issuer, &raw.issuer))
        || bearer.issuer.as_ref() == Some(&raw.issuer)
    {
        diagnostics.error(
            at("issuer"),
            "is the issuer of other tokens too: choose another",
        );
    }
    if raw.key_id.as_ref().is_some_and(String::is_empty) {
        diagnostics.error(
            at("keyId"),
            "is empty: leave it out for the key's thumbprint",
        );
    }
    if raw.key_id.as_deref() == Some(LIBTRUST) && algorithm(raw) == Some(Algorithm::EdDsa) {
        let message = "`libtrust` is for registries that know no EdDSA: write ES256 as `algorithm`, or another `keyId`";
        diagnostics.error(at("keyId"), message);
    }
    if bearer
        .realm
        .as_deref()
        .is_none_or(|realm| BaseUrl::parse(realm).is_err())
    {
        diagnostics.error(
            PATH,
            "needs `http.auth.bearer.realm` to be the URL of the token endpoint",
        );
    }
    let audience = bearer.service.clone().unwrap_or_default();
    if audience.is_empty() {
        diagnostics.error(
            PATH,
            "needs `http.auth.bearer.service`: it is the audience of the tokens",
        );
    }
    if bearer.bypass_access_control {
        diagnostics.error(PATH, "cannot be used together with `bypassAccessControl`");
    }
    let lifetime = raw.lifetime.unwrap_or(DEFAULT_LIFETIME);
    if !(MIN_LIFETIME..=MAX_LIFETIME).contains(&lifetime) {
        diagnostics.error(at("lifetime"), "must be between `1m` and `1h`");
    }
    if algorithm(raw).is_none() {
        diagnostics.error(at("algorithm"), "cannot sign here; write ES256 or EdDSA");
    }
    let set = raw
        .aws_secrets_manager
        .as_ref()
        .map(|aws| signing_set(&aws.region, &aws.secret_name))
        .unwrap_or_default();
    match &raw.aws_secrets_manager {
        Some(aws) => secrets_manager(aws, &set, &at("awsSecretsManager"), proxy, diagnostics),
        None => diagnostics.error(
            at("awsSecretsManager"),
            "must be given: the secret with the key that signs",
        ),
    }
    let max_stale = raw
        .aws_secrets_manager
        .as_ref()
        .and_then(|aws| aws.max_stale);
    let own = Bearer {
        issuer: Some(raw.issuer.clone()),
        audiences: vec![audience.clone()],
        key_id: KeyIdRule::Required,
        bypass_access_control: false,
        minted: Some(CLOCK_SKEW),
        source: add("mint", SourceKind::Signing(set), max_stale, sources),
    };
    Some(Mint {
        issuer: raw.issuer.clone(),
        audience,
        lifetime,
        own,
    })
}

/// The algorithm of the key, ES256 when none is configured; `None` for one that cannot sign here.
#[must_use]
pub fn algorithm(raw: &raw::Mint) -> Option<Algorithm> {
    match raw.algorithm.as_deref() {
        None | Some("ES256") => Some(Algorithm::Es256),
        Some("EdDSA") => Some(Algorithm::EdDsa),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::compile::tests::{diagnose, good, merge};
    use crate::config::Diagnostics;

    fn minting() -> Value {
        let mut document = good();
        document["http"]["auth"]["bearer"]["mint"] = json!({
            "issuer": "token.example.com",
            "keyId": "own",
            "lifetime": "15m",
            "algorithm": "EdDSA",
            "awsSecretsManager": { "region": "us-east-1", "secretName": "mint", "refreshInterval": "1m" },
        });
        document
    }

    #[test]
    fn a_section_that_holds_compiles_without_a_word() {
        assert_eq!(diagnose(&minting()), Diagnostics::default());
        let mut least = minting();
        for name in ["keyId", "lifetime", "algorithm"] {
            least["http"]["auth"]["bearer"]["mint"]
                .as_object_mut()
                .unwrap()
                .remove(name);
        }
        assert_eq!(diagnose(&least), Diagnostics::default());
        // Without an algorithm it is ES256.
        least["http"]["auth"]["bearer"]["mint"]["keyId"] = json!("libtrust");
        assert_eq!(diagnose(&least), Diagnostics::default());
    }

    #[test]
    fn every_refusal_names_its_place() {
        let bearer = |name: &str, value: Value| (format!("/http/auth/bearer/{name}"), value);
        let mint = |name: &str, value: Value| bearer(&format!("mint/{name}"), value);
        let mut google = minting();
        google["http"]["auth"]["bearer"]["oidc"][0]["issuer"] =
            json!("https://accounts.google.com");
        google["http"]["auth"]["bearer"]["mint"]["issuer"] = json!("accounts.google.com");
        assert!(
            diagnose(&google).errors[0]
                .message
                .contains("choose another")
        );
        let rows = [
            (mint("issuer", json!(null)), "issuer", "must be given"),
            (
                mint("issuer", json!("https://issuer.example.com")),
                "issuer",
                "choose another",
            ),
            (mint("keyId", json!("")), "keyId", "thumbprint"),
            (mint("keyId", json!("libtrust")), "keyId", "write ES256"),
            (mint("lifetime", json!("59s")), "lifetime", "`1m` and `1h`"),
            (mint("lifetime", json!("61m")), "lifetime", "`1m` and `1h`"),
            (mint("lifetime", json!("5")), "lifetime", "not a duration"),
            (
                mint("algorithm", json!("RS256")),
                "algorithm",
                "ES256 or EdDSA",
            ),
            (
                mint("algorithm", json!("none")),
                "algorithm",
                "ES256 or EdDSA",
            ),
            (
                mint("awsSecretsManager", json!(null)),
                "awsSecretsManager",
                "must be given",
            ),
            (
                mint("awsSecretsManager/secretName", json!(null)),
                "awsSecretsManager.secretName",
                "must be given",
            ),
            (
                mint("awsSecretsManager/region", json!("us/east")),
                "awsSecretsManager.region",
                "us-east-1",
            ),
            (
                mint("awsSecretsManager/secretName", json!("x".repeat(600))),
                "awsSecretsManager.secretName",
                "too long",
            ),
            (
                mint("awsSecretsManager/maxStale", json!("721h")),
                "awsSecretsManager.maxStale",
                "at most `720h`",
            ),
            (mint("key", json!("x")), "key", "did you mean `keyId`"),
            (
                bearer("realm", json!("registry")),
                "",
                "the URL of the token endpoint",
            ),
            (
                bearer("service", json!(null)),
                "",
                "the audience of the tokens",
            ),
            (bearer("bypassAccessControl", json!(true)), "", "together"),
            (
                ("/proxy/pushKey".to_owned(), json!(null)),
                "awsSecretsManager",
                "proxy.pushKey",
            ),
        ];
        for ((pointer, value), path, message) in rows {
            let mut document = minting();
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            merge(
                document.pointer_mut(parent).unwrap(),
                &json!({ name: value }),
            );
            let found = diagnose(&document).errors;
            let path = format!("http.auth.bearer.mint.{path}");
            let path = path.trim_end_matches('.');
            let hit = found
                .iter()
                .any(|error| error.path == path && error.message.contains(message));
            assert!(hit, "{pointer}: {path} ({message}) is not among {found:#?}");
        }
    }
}
