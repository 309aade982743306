//! Who asks: what a client presents, from the cache or proven anew.

use std::sync::Arc;

use registry_auth_cel::Document;

use super::decide::Decision;
use crate::authn::cache::{Proof, Proven};
use crate::authn::credential::Credential;
use crate::authn::identity::{Identity, User};
use crate::authn::prove::{self, PolicyView, Presented, Stop};
use crate::authn::provider::Provider;
use crate::engine::Engine;
use crate::reason::Reason;

impl Decision<'_> {
    /// Who asks; nobody if nothing is presented. What is presented decides alone: a bad credential is never taken as none.
    pub(super) fn identify(&mut self, credential: &Credential<'_>) -> Result<Option<Arc<Proven>>, Stop> {
        let Credential::Token(token) = credential else { return Ok(self.holder()?) };
        let proven = self.prove(token)?;
        match &self.engine.mtls {
            Some(mtls) if !mtls.may_carry(&proven, &self.head.connection) => Err(Reason::WrongCertificate.into()),
            _ => Ok(Some(proven)),
        }
    }

    /// Who the client certificate names; nobody if none was presented. One that names nobody is refused.
    fn holder(&mut self) -> Result<Option<Arc<Proven>>, Reason> {
        let (connection, facts) = (&self.head.connection, self.facts);
        let Some(mtls) = self.engine.mtls.as_ref().filter(|_| connection.has_certificate()) else { return Ok(None) };
        let pem = connection.certificate;
        if let Some(proven) = self.cache.get(Proof::Certificate(pem), facts.keys, facts.now) {
            return Ok(Some(proven));
        }
        let user = mtls.name(pem, facts.now).and_then(|(name, expires)| {
            let groups = self.engine.groups_of(&name);
            Some((User::new(name, groups, Document::empty())?, expires))
        });
        let (user, expires) = user.ok_or(Reason::UnusableCertificate)?;
        let identity = Arc::new(Identity::Authenticated(user));
        let proven = Arc::new(Proven { identity, access: None, keys: None, expires, bound_to: None });
        self.cache.put(Proof::Certificate(pem), Arc::clone(&proven));
        Ok(Some(proven))
    }

    /// Who a token proves: from the cache, or the first provider that takes it, or the token server.
    fn prove(&mut self, compact: &[u8]) -> Result<Arc<Proven>, Stop> {
        let (engine, facts, verifier) = (self.engine, self.facts, self.verifier);
        if let Some(proven) = self.cache.get(Proof::Token(compact), facts.keys, facts.now) {
            return Ok(proven);
        }
        // Not before: the cache holds well-formed tokens only.
        let token = &prove::read(compact)?;
        let groups_of = |user: &str| engine.groups_of(user);
        let policy = engine.policy.as_ref().map(|policy| PolicyView {
            reads_claims: policy.reads_claims(),
            claims_read: policy.claims_read(),
            groups_of: &groups_of,
        });
        let proven = engine.verify(&Presented { token, facts, verifier, policy })?;
        let proven = Arc::new(proven);
        self.cache.put(Proof::Token(compact), Arc::clone(&proven));
        Ok(proven)
    }
}

impl Engine {
    /// The groups of the configuration that name a user.
    fn groups_of(&self, user: &str) -> Vec<String> {
        self.policy.as_ref().map(|policy| policy.groups_of(user)).unwrap_or_default()
    }

    fn verify(&self, presented: &Presented<'_>) -> Result<Proven, Stop> {
        if let Some(mint) = &self.mint
            && presented.token.claims_unverified().issuer() == Ok(Some(mint.issuer.as_str()))
        {
            return mint.own.prove(presented);
        }
        let mut closest = Reason::UnknownIssuer;
        let named = |provider: &&Provider| provider.is_named_by(presented.token);
        // Whom the token names comes first: an entry that takes any issuer must not stop what is another's.
        let others = self.providers.iter().filter(|provider| !named(provider));
        for provider in self.providers.iter().filter(named).chain(others) {
            match provider.prove(presented) {
                Ok(proven) => return Ok(proven),
                Err(Stop::Need(need)) => return Err(Stop::Need(need)),
                // It might have taken the token: no later one answers for it while its keys cannot be had.
                Err(stop @ Stop::Deny(Reason::KeysUnavailable)) if provider.may_take(presented.token) => {
                    return Err(stop);
                }
                Err(Stop::Deny(reason)) if nearness(reason) > nearness(closest) => closest = reason,
                Err(Stop::Deny(_)) => {}
            }
        }
        let Some(bearer) = &self.bearer else { return Err(closest.into()) };
        match bearer.prove(presented) {
            Ok(proven) => Ok(proven),
            // Somebody else's token: say so, and ask nobody for keys because of it.
            Err(_) if closest != Reason::UnknownIssuer => Err(closest.into()),
            Err(stop) => Err(stop),
        }
    }
}

/// How far a token came with a provider: the refusal that is nearest to success says most.
const fn nearness(reason: Reason) -> u8 {
    match reason {
        Reason::UnknownIssuer => 0,
        Reason::WrongAudience => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use crate::authn::cache::IdentityCache;
    use crate::authn::verify::{Answer, SignatureVerifier};
    use crate::compile;
    use crate::config::{self, Role};
    use crate::decision::Verdict;
    use crate::facts::{Facts, Gathered};
    use crate::keys::algorithm::Algorithm;
    use crate::keys::source::KeyRing;
    use crate::keys::{Kind, PublicKey, SigningKey};
    use crate::request::RequestHead;
    use crate::time::UnixTime;

    struct EverySignature;

    impl SignatureVerifier for EverySignature {
        fn verify(&self, _: Algorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> Answer {
            Answer::Valid
        }
    }

    /// A token of `https://b.test` whose key its entry has, and of which an entry that takes any issuer knows nothing.
    #[test]
    fn an_entry_for_any_issuer_does_not_stop_the_token_of_another_entry() {
        let key = SigningKey::new(Kind::Ed25519, &[7; 32], None).unwrap().to_jwk(false).unwrap();
        let any = json!({
            "issuer": "https://a.test",
            "audiences": ["registry"],
            "cluster": "a",
            "skipIssuerVerification": true,
            "claimMapping": { "username": "'a:' + claims.sub" },
        });
        let named = json!({
            "issuer": "https://b.test",
            "audiences": ["registry"],
            "jwks": { "keys": [key] },
            "claimMapping": { "username": "'b:' + claims.sub" },
        });
        let claims = json!({ "iss": "https://b.test", "sub": "ci", "aud": "registry", "iat": 1, "exp": 2_000_000_000 });
        let [header, claims] = [json!({ "alg": "EdDSA" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let authorization = format!("Bearer {header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64]));
        for oidc in [json!([any, named]), json!([named, any])] {
            let (role, mut diagnostics) =
                config::decode_value(json!({ "http": { "auth": { "bearer": { "oidc": oidc } } } }));
            let Role::Filter(document) = role else { panic!("{diagnostics:?}") };
            let engine = compile(&document, &mut diagnostics).unwrap().engine;
            let keys = KeyRing::of(engine.sources());
            let facts = Facts { keys: &keys, gathered: &Gathered::default(), now: UnixTime::from_secs(1_800_000_000) };
            let head = RequestHead {
                method: b"GET",
                path: b"/v2/team/app/tags/list",
                authorization: vec![authorization.as_bytes()],
                ..RequestHead::default()
            };
            let verdict = engine.decide(&head, &facts, &mut IdentityCache::default(), &EverySignature);
            let Verdict::Allow(grant) = verdict else { panic!("{verdict:?}") };
            assert_eq!(grant.identity().username(), "b:ci");
        }
    }
}
