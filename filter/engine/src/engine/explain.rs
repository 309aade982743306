//! What a request with a real credential would get, if the keys of the issuers were these.

use super::Engine;
use super::simulate::{Report, Simulated, Situation};
use crate::authn::cache::IdentityCache;
use crate::authn::verify::PureRust;
use crate::decision::Verdict;
use crate::facts::{Facts, Gathered, KeysAnswer, Need};
use crate::keys::source::KeyRing;
use crate::request::RequestHead;
use crate::trace::{Recorder, Trace};

/// The most facts that one request needs.
const FACTS: usize = 128;

impl Engine {
    /// Says what a request would get with the token in its `Authorization`, or with the certificate of
    /// its connection. A token is verified as it would be, with these keys of the sources.
    #[must_use]
    pub fn explain(&self, head: &RequestHead<'_>, keys: &KeyRing, situation: Situation) -> Report {
        let mut gathered = Gathered::default();
        for _ in 0..FACTS {
            let trace = Trace::default();
            let facts = Facts {
                keys,
                gathered: &gathered,
                now: situation.now.into(),
            };
            // Nothing is remembered: each step is to be seen.
            let mut cache = IdentityCache::default();
            let verdict = self.record(head, &facts, &mut cache, &PureRust, Recorder::of(&trace));
            let (outcome, reply) = match verdict {
                Verdict::Allow(grant) => (Simulated::Allowed(grant.rule().to_string()), None),
                Verdict::Reply(local) => (Simulated::Answered(local.label), Some(local.reply)),
                Verdict::Deny(denied) => {
                    let message = denied.detail.as_deref().map(str::to_owned);
                    let reply = denied.reply(&self.realm, head.path);
                    (Simulated::Refused(denied.reason, message), Some(reply))
                }
                Verdict::Need(Need::Catalog(_)) => (Simulated::Answered("catalog"), None),
                Verdict::Need(Need::Tag(name)) => {
                    gathered.tags.push((name, situation.tag()));
                    continue;
                }
                Verdict::Need(Need::Keys { source, .. }) => {
                    gathered.keys.push((source, KeysAnswer::Current));
                    continue;
                }
                Verdict::Need(Need::Body | Need::Login(_) | Need::Time) => {
                    return Report::unknown(
                        "it needs the body of the request, or the login service",
                    );
                }
            };
            return Report {
                outcome,
                reply,
                steps: trace.into_steps(),
            };
        }
        Report::unknown("it needs too many facts")
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::config::{self, Role};
    use crate::keys::{KeySet, Kind, SigningKey};
    use crate::reason::Reason;
    use crate::time::UnixTime;
    use crate::trace::Step;
    use crate::{Diagnostics, compile};

    #[test]
    fn a_token_is_verified_with_the_keys_that_are_given() {
        let oidc = json!([{
            "issuer": "https://i.example", "audiences": ["registry"], "cluster": "i",
            "claimMapping": { "username": "claims.sub" },
        }]);
        let policies = json!([{ "users": ["ci"], "actions": ["read", "create"] }]);
        let document = json!({
            "http": {
                "auth": { "bearer": { "oidc": oidc } },
                "accessControl": { "repositories": { "t/**": { "policies": policies } } },
            },
            "proxy": { "upstreamCluster": "registry" },
        });
        let (role, mut diagnostics): (_, Diagnostics) = config::decode_value(document);
        let Role::Filter(document) = role else {
            panic!("{diagnostics:?}")
        };
        let engine = compile(&document, &mut diagnostics).unwrap().engine;
        let keys = |seed: u8| {
            let key = SigningKey::new(Kind::Ed25519, &[seed; 32], Some("k")).unwrap();
            let set = json!({ "keys": [key.to_jwk(false).unwrap()] });
            (key, KeySet::from_jwks_value(&set).unwrap().keys)
        };
        let (key, own) = keys(1);
        let (_, other) = keys(2);
        let claims = json!({ "iss": "https://i.example", "aud": "registry", "sub": "ci", "iat": 1, "exp": 2_000_000_000 });
        let [header, claims] = [json!({ "alg": "EdDSA", "kid": "k" }), claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        let authorization = format!("Bearer {signed}.{signature}");
        let empty = KeySet::default();
        let denied = |reason| Simulated::Refused(reason, None);
        let allowed = Simulated::Allowed("repositories[\"t/**\"].policies[0]".to_owned());
        let rows = [
            (&own, "GET", "/v2/t/a/tags/list", None, allowed.clone()),
            (&own, "PUT", "/v2/t/a/manifests/v1", Some(false), allowed),
            (
                &own,
                "PUT",
                "/v2/t/a/manifests/v1",
                Some(true),
                denied(Reason::PolicyDenied),
            ),
            (
                &other,
                "GET",
                "/v2/t/a/tags/list",
                None,
                denied(Reason::BadSignature),
            ),
            (
                &empty,
                "GET",
                "/v2/t/a/tags/list",
                None,
                denied(Reason::UnknownKey),
            ),
        ];
        for (keys, method, path, tags_exist, expected) in rows {
            let head = RequestHead {
                method: method.as_bytes(),
                path: path.as_bytes(),
                authorization: vec![authorization.as_bytes()],
                ..RequestHead::default()
            };
            let situation = Situation {
                now: UnixTime::from_secs(1_800_000_000),
                tags_exist,
            };
            let ring = KeyRing::of_all(engine.sources(), keys);
            let report = engine.explain(&head, &ring, situation);
            assert_eq!(report.outcome, expected, "{method} {path} {tags_exist:?}");
            let has_token = report
                .steps
                .iter()
                .any(|step| matches!(step, Step::Token { .. }));
            assert!(has_token, "{:?}", report.steps);
            let text = format!("{report:?}");
            assert!(
                !text.contains(&signature) && !text.contains(&claims),
                "{text}"
            );
        }
    }
}
