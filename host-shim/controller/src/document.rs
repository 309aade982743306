//! The objects that are sent.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::account::{Account, Listed, Spec};
use crate::held::{Held, Life, digest};
use crate::names::{
    CONTENT, DIGEST, EXPIRES, LOGIN, MANAGED_BY, MANAGER, OWNER, PASSWORD, PULL_SECRET, RENEW,
    REPOSITORY, SECRET_TYPE, SPEC, secret_name,
};
use crate::plan::CLEARED;
use crate::times;

/// Tokens by their audiences, and their times.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// The tokens: secrets.
    pub(crate) by_audience: BTreeMap<String, String>,
    /// Their times.
    pub(crate) life: Life,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens([redacted])")
    }
}

/// Returns a request for a token, bound to a Secret: the API server takes it no longer once that is
/// gone.
#[must_use]
pub(crate) fn token_request(audience: &str, lifetime: u32, secret: &str, uid: &str) -> Value {
    json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "audiences": [audience],
            "expirationSeconds": lifetime,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": secret, "uid": uid},
        },
    })
}

/// Returns the Secret of an account before it has tokens.
#[must_use]
pub(crate) fn empty_secret(account: &Account) -> Value {
    secret(account, None, &json!({}), &json!({}))
}

/// Returns the Secret of an account with tokens. A registry whose audience has none is left out.
#[must_use]
pub(crate) fn full_secret(account: &Account, spec: &Spec, held: &Held, tokens: &Tokens) -> Value {
    let entry = |token: &String| {
        let pair = format!("{}:{token}", spec.username);
        json!({"username": spec.username, "password": token, "auth": STANDARD.encode(pair)})
    };
    let auths: serde_json::Map<_, _> = spec
        .registries
        .iter()
        .filter_map(|one| {
            let token = tokens.by_audience.get(&one.audience)?;
            Some((one.host.clone(), entry(token)))
        })
        .collect();
    let auths = Value::from(auths);
    let annotations = annotations(&spec.hash(), tokens, (&content(&auths), PULL_SECRET));
    secret(account, Some(held), &auths, &annotations)
}

/// Returns the Secret of an account that no longer gets tokens.
#[must_use]
pub(crate) fn cleared_secret(account: &Account, held: &Held) -> Value {
    secret(account, Some(held), &json!({}), &json!({SPEC: CLEARED}))
}

/// Returns what is changed of a repository Secret of Argo CD: nothing but the credential.
#[must_use]
pub(crate) fn repository(
    namespace: &str,
    name: &str,
    held: &Held,
    spec: &Spec,
    tokens: &Tokens,
) -> Value {
    let token = tokens.by_audience.values().next();
    let data = json!({
        LOGIN: STANDARD.encode(&spec.username),
        PASSWORD: STANDARD.encode(token.map_or("", String::as_str)),
    });
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": held.uid,
            "resourceVersion": held.resource_version,
            "annotations": annotations(&spec.hash(), tokens, (&data, REPOSITORY)),
        },
        "data": data,
    })
}

/// Returns a repository Secret of Argo CD without what was written into it: what is applied no longer
/// is removed by the API server.
#[must_use]
pub(crate) fn cleared_repository(namespace: &str, name: &str, held: &Held) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": held.uid,
            "resourceVersion": held.resource_version,
        },
    })
}

/// Returns the JSON patch (RFC 6902) that adds the Secret to `imagePullSecrets`, or removes it; `None` if nothing
/// changes. That list is atomic in server-side apply: applying one entry would drop all others.
/// The patch fails if the account has changed since it was read.
#[must_use]
pub(crate) fn pull_secrets(account: &Account, wanted: bool) -> Option<Value> {
    let entry = json!({"name": secret_name(&account.name)});
    let same = json!({
        "op": "test", "path": "/metadata/resourceVersion", "value": account.resource_version,
    });
    let change = match (wanted, account.listed) {
        (true, Listed::At(_)) | (false, Listed::NoList | Listed::Not) => return None,
        (true, Listed::NoList) => {
            json!({"op": "add", "path": "/imagePullSecrets", "value": [entry]})
        }
        (true, Listed::Not) => {
            json!({"op": "add", "path": "/imagePullSecrets/-", "value": entry})
        }
        (false, Listed::At(place)) => {
            json!({"op": "remove", "path": format!("/imagePullSecrets/{place}")})
        }
    };
    Some(json!([same, change]))
}

fn annotations(spec: &str, tokens: &Tokens, content: (&Value, &[&str])) -> Value {
    let Life { expires, renew } = tokens.life;
    let (expires, renew) = (times::written(expires), times::written(renew));
    json!({
        SPEC: spec,
        DIGEST: digest(content, (&expires, &renew)),
        EXPIRES: expires,
        RENEW: renew,
    })
}

/// The content of a pull secret.
fn content(auths: &Value) -> Value {
    json!({CONTENT: STANDARD.encode(json!({"auths": auths}).to_string())})
}

/// With `held` the write fails if that Secret is gone or was changed.
fn secret(account: &Account, held: Option<&Held>, auths: &Value, annotations: &Value) -> Value {
    let mut metadata = json!({
        "name": secret_name(&account.name),
        "namespace": account.namespace,
        "labels": {MANAGED_BY: MANAGER},
        "annotations": annotations,
        "ownerReferences": [{
            "apiVersion": "v1",
            "kind": OWNER,
            "name": account.name,
            "uid": account.uid,
        }],
    });
    if let (Some(metadata), Some(held)) = (metadata.as_object_mut(), held) {
        metadata.insert("uid".to_owned(), held.uid.clone().into());
        let version = held.resource_version.clone();
        metadata.insert("resourceVersion".to_owned(), version.into());
    }
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": SECRET_TYPE,
        "data": content(auths),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::tests::settings;

    fn account(listed: Listed) -> Account {
        Account {
            namespace: "team".to_owned(),
            name: "default".to_owned(),
            uid: "u".to_owned(),
            resource_version: "7".to_owned(),
            opt_in: Some("true".to_owned()),
            listed,
            ..Account::default()
        }
    }

    #[test]
    fn the_list_of_an_account_keeps_what_others_have_written() {
        let same = json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"});
        let entry = json!({"name": "registry-auth-default"});
        let step = |change: Value| Some(json!([same, change]));
        // What is listed, and the patches that add and remove the Secret.
        let rows = [
            (
                Listed::NoList,
                step(json!({"op": "add", "path": "/imagePullSecrets", "value": [entry]})),
                None,
            ),
            (
                Listed::Not,
                step(json!({"op": "add", "path": "/imagePullSecrets/-", "value": entry})),
                None,
            ),
            (
                Listed::At(0),
                None,
                step(json!({"op": "remove", "path": "/imagePullSecrets/0"})),
            ),
            (
                Listed::At(7),
                None,
                step(json!({"op": "remove", "path": "/imagePullSecrets/7"})),
            ),
        ];
        for (listed, added, removed) in rows {
            let account = account(listed);
            assert_eq!(pull_secrets(&account, true), added, "{listed:?}");
            assert_eq!(pull_secrets(&account, false), removed, "{listed:?}");
        }
    }

    #[test]
    fn a_secret_has_one_token_for_each_audience() {
        let account = account(Listed::NoList);
        let spec = account.spec(None, &settings()).unwrap().unwrap();
        let held = Held {
            uid: "s".to_owned(),
            resource_version: "9".to_owned(),
            ..Held::default()
        };
        let tokens = Tokens {
            by_audience: [("a.example", "eyJ.e30.c2ln"), ("second", "two")]
                .map(|(audience, token)| (audience.to_owned(), token.to_owned()))
                .into(),
            life: Life {
                expires: 1_800_000_000,
                renew: 1_799_998_200,
            },
        };
        let secret = full_secret(&account, &spec, &held, &tokens);
        let times = ("2027-01-15T08:00:00Z", "2027-01-15T07:30:00Z");
        let metadata = json!({
            "name": "registry-auth-default",
            "namespace": "team",
            "uid": "s",
            "resourceVersion": "9",
            "labels": {"app.kubernetes.io/managed-by": "registry-auth"},
            "annotations": {
                "registry-auth.dev/spec": spec.hash(),
                "registry-auth.dev/digest": digest((&secret["data"], PULL_SECRET), times),
                "registry-auth.dev/expires": "2027-01-15T08:00:00Z",
                "registry-auth.dev/renew": "2027-01-15T07:30:00Z",
            },
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "ServiceAccount", "name": "default", "uid": "u"},
            ],
        });
        assert_eq!(secret["metadata"], metadata);
        let content = STANDARD
            .decode(secret["data"][CONTENT].as_str().unwrap())
            .unwrap();
        let auths = json!({"auths": {
            "a.example": {
                "username": "kubernetes",
                "password": "eyJ.e30.c2ln",
                "auth": "a3ViZXJuZXRlczpleUouZTMwLmMybG4=",
            },
            "b.example:5000": {
                "username": "kubernetes",
                "password": "two",
                "auth": "a3ViZXJuZXRlczp0d28=",
            },
        }});
        assert_eq!(serde_json::from_slice::<Value>(&content).unwrap(), auths);
        assert_eq!(format!("{tokens:?}"), "Tokens([redacted])");
        let cleared = cleared_secret(&account, &held);
        assert_eq!(cleared["metadata"]["annotations"], json!({SPEC: CLEARED}));
        let repository = repository("argocd", "team", &held, &spec, &tokens);
        assert_eq!(repository["metadata"]["uid"], "s");
        assert_eq!(repository["data"]["username"], "a3ViZXJuZXRlcw==");
        assert!(repository.get("type").is_none() && repository["metadata"].get("labels").is_none());
    }

    #[test]
    fn a_token_is_asked_for_one_audience_and_bound() {
        let request = token_request(
            "registry.example.com",
            3_600,
            "registry-auth-default",
            "0f3a",
        );
        let expected = json!({"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["registry.example.com"],"expirationSeconds":3600,"boundObjectRef":{"apiVersion":"v1","kind":"Secret","name":"registry-auth-default","uid":"0f3a"}}});
        assert_eq!(request, expected);
    }
}
