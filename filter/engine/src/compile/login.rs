//! `http.auth.login`: where people log in.

use std::time::Duration;

use super::push;
use super::sources::add;
use crate::authn::login::Login;
use crate::config::{Diagnostics, raw};
use crate::keys::source::{Source, SourceKind};
use crate::login::{ISSUER, SET};

const PATH: &str = "http.auth.login";

/// The methods by which somebody can log in who has no API key yet, and the one for those who have.
const METHODS: [&str; 3] = ["htpasswd", "ldap", "openid"];
const API_KEY: &str = "apiKey";

/// Before the name of a provider: logins at this one only.
const OF_PROVIDER: &str = "openid:";

/// How long an answer may take when nothing is configured, and at most.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// How the login service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginService {
    /// The host's name for it.
    pub cluster: String,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// Compiles the section; its source is appended.
pub(super) fn compile(
    raw: &raw::Login,
    proxy: &raw::Proxy,
    sources: &mut Vec<Source>,
    diagnostics: &mut Diagnostics,
) -> (Login, LoginService) {
    let at = |name: &str| format!("{PATH}.{name}");
    if raw.cluster.is_empty() {
        diagnostics.error(
            at("cluster"),
            "must be the name by which the proxy knows the login service",
        );
    }
    let is_of_provider = |method: &str| {
        method
            .strip_prefix(OF_PROVIDER)
            .is_some_and(|provider| !provider.is_empty())
    };
    let begins = |method: &str| METHODS.contains(&method) || is_of_provider(method);
    for (index, method) in raw.methods.iter().enumerate() {
        if !begins(method) && method != API_KEY {
            let message = format!(
                "`{method}` is no method; write `htpasswd`, `ldap`, `openid`, `openid:PROVIDER` or `apiKey`"
            );
            diagnostics.error(format!("{PATH}.methods[{index}]"), message);
        }
    }
    if !raw.methods.iter().any(|method| begins(method)) {
        diagnostics.error(
            at("methods"),
            "must name `htpasswd`, `ldap` or `openid`: with API keys alone nobody could make one",
        );
    }
    let timeout = raw.timeout.unwrap_or(TIMEOUT);
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        diagnostics.error(at("timeout"), "must be more than 0 and at most 1m");
    }
    push::check(SET, None, PATH, "cluster", proxy, diagnostics);
    let source = add(SET, SourceKind::Pushed(SET.to_owned()), None, sources);
    let service = LoginService {
        cluster: raw.cluster.clone(),
        timeout,
    };
    let methods = raw.methods.clone();
    (Login { source, methods }, service)
}

/// The issuer of the login service is its own.
pub(super) fn keep_issuer(bearer: Option<&raw::Bearer>, diagnostics: &mut Diagnostics) {
    let Some(bearer) = bearer else {
        return;
    };
    let issuers = bearer.oidc.iter().enumerate();
    let mut named: Vec<_> = issuers
        .map(|(index, entry)| (format!("oidc[{index}].issuer"), entry.issuer.as_str()))
        .collect();
    named.extend(
        bearer
            .issuer
            .as_deref()
            .map(|issuer| ("issuer".to_owned(), issuer)),
    );
    let mint = bearer.mint.as_ref().map(|mint| mint.issuer.as_str());
    named.extend(mint.map(|issuer| ("mint.issuer".to_owned(), issuer)));
    for (place, _) in named.iter().filter(|(_, issuer)| *issuer == ISSUER) {
        let message = "is the name of the login service of this program: write another";
        diagnostics.error(format!("http.auth.bearer.{place}"), message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::compile::compile;
    use crate::compile::tests::{diagnose, good, merge};
    use crate::config::{Diagnostics, Role, decode_value};

    /// A good document with people, and members of their section laid over; null removes.
    fn people(members: &Value) -> Value {
        let mut document = good();
        document["http"]["auth"]["login"] =
            json!({ "cluster": "login", "methods": ["htpasswd", "apiKey"] });
        merge(&mut document["http"]["auth"]["login"], members);
        document
    }

    #[test]
    fn people_log_in_with_tokens_and_without() {
        let rows = [
            json!({}),
            json!({ "methods": ["openid"] }),
            json!({ "methods": ["openid:github"] }),
            json!({ "methods": "ldap" }),
            json!({ "timeout": "60s" }),
        ];
        for members in rows {
            let with_tokens = people(&members);
            let mut without = with_tokens.clone();
            merge(&mut without["http"]["auth"], &json!({ "bearer": null }));
            let mut challenge = with_tokens.clone();
            challenge["http"]["auth"]["bearer"] =
                json!({ "realm": "https://r.example.com/zot/auth/token", "service": "s" });
            for document in [with_tokens, without, challenge] {
                assert_eq!(diagnose(&document), Diagnostics::default(), "{document}");
                let (Role::Filter(raw), mut diagnostics) = decode_value(document) else {
                    panic!("no filter")
                };
                let compiled = compile(&raw, &mut diagnostics).unwrap();
                assert!(compiled.login.is_some() && compiled.engine.takes_logins());
            }
        }
        assert!(diagnose(&good()).errors.is_empty(), "nobody has to log in");
    }

    #[test]
    fn every_mistake_names_its_place_and_what_to_write() {
        let login = "http.auth.login";
        let rows = [
            (
                json!({ "cluster": null }),
                ".cluster",
                "by which the proxy knows",
            ),
            (
                json!({ "cluster": "" }),
                ".cluster",
                "by which the proxy knows",
            ),
            (
                json!({ "methods": null }),
                ".methods",
                "`htpasswd`, `ldap` or `openid`",
            ),
            (
                json!({ "methods": ["apiKey"] }),
                ".methods",
                "API keys alone",
            ),
            (
                json!({ "methods": ["kerberos", "ldap"] }),
                ".methods[0]",
                "`kerberos` is no method",
            ),
            (
                json!({ "methods": ["openid:"] }),
                ".methods[0]",
                "`openid:PROVIDER`",
            ),
            (json!({ "timeout": "0s" }), ".timeout", "at most 1m"),
            (json!({ "timeout": "61s" }), ".timeout", "at most 1m"),
            (json!({ "path": "/etc/htpasswd" }), ".path", "unknown key"),
        ];
        for (members, place, message) in rows {
            let errors = diagnose(&people(&members)).errors;
            let hit = errors.iter().any(|error| {
                error.path == format!("{login}{place}") && error.message.contains(message)
            });
            assert!(
                hit,
                "{members}: {place} ({message}) is not among {errors:#?}"
            );
        }
        let mut document = people(&json!({}));
        document["proxy"] = json!({});
        let errors = diagnose(&document).errors;
        assert!(
            errors
                .iter()
                .any(|error| error.path == login && error.message.contains("pushKey"))
        );
    }

    #[test]
    fn no_other_issuer_has_the_name_of_the_login_service() {
        let issuer = crate::login::ISSUER;
        let jwks_uri = "https://issuer.example.com/keys";
        let mint =
            json!({ "issuer": issuer, "awsSecretsManager": { "region": "r", "secretName": "s" } });
        let rows = [
            (
                "oidc[0].issuer",
                json!({ "oidc": [{ "issuer": issuer, "audiences": ["a"], "jwksUri": jwks_uri, "cluster": "c" }] }),
            ),
            (
                "issuer",
                json!({ "cert": crate::compile::tests::KEY, "issuer": issuer }),
            ),
            ("mint.issuer", json!({ "mint": mint })),
        ];
        for (place, members) in rows {
            let mut document = good();
            merge(&mut document["http"]["auth"]["bearer"], &members);
            let errors = diagnose(&document).errors;
            let path = format!("http.auth.bearer.{place}");
            assert!(
                errors
                    .iter()
                    .any(|error| error.path == path && error.message.contains("login service")),
                "{path}: {errors:#?}"
            );
        }
    }
}
