//! One configuration, asked as a host asks it.

use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::authn::verify::PureRust;
use registry_auth_engine::compile::{self, Compiled};
use registry_auth_engine::config::{self, Diagnostics, Role};
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::engine::Engine;
use registry_auth_engine::facts::{Facts, Gathered};
use registry_auth_engine::keys::source::KeyRing;
use registry_auth_engine::reply::Reply;
use registry_auth_engine::request::RequestHead;
use registry_auth_engine::time::UnixTime;
use serde_json::Value;

/// When everything happens.
pub const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

/// An engine with the keys that its configuration holds.
pub struct Site {
    engine: Engine,
    keys: KeyRing,
}

impl Site {
    /// Compiles a configuration that holds.
    #[must_use]
    pub fn new(configuration: &Value) -> Self {
        let (role, mut diagnostics) = config::decode(configuration.to_string().as_bytes());
        Self::of_role(&role, &mut diagnostics).unwrap_or_else(|| panic!("{:?}", diagnostics.errors))
    }

    /// Compiles what was read, if it can be.
    pub fn of_role(role: &Role, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Role::Filter(document) = role else {
            return None;
        };
        let Compiled { engine, .. } = compile::compile(document, diagnostics)?;
        let keys = KeyRing::of(engine.sources());
        Some(Self { engine, keys })
    }

    /// Decides a request, as [`Site::decide_with`] with a fresh cache.
    pub fn decide(&self, head: &RequestHead<'_>, gathered: &Gathered) -> Verdict {
        self.decide_with(&mut IdentityCache::default(), head, gathered)
    }

    /// Decides a request twice, so that the second time the cache may answer: both verdicts are the
    /// same. Replies are safe to send.
    pub fn decide_with(
        &self,
        cache: &mut IdentityCache,
        head: &RequestHead<'_>,
        gathered: &Gathered,
    ) -> Verdict {
        let facts = Facts {
            keys: &self.keys,
            gathered,
            now: NOW.into(),
        };
        let verdict = self.engine.decide(head, &facts, cache, &PureRust);
        let again = self.engine.decide(head, &facts, cache, &PureRust);
        assert_eq!(
            format!("{verdict:?}"),
            format!("{again:?}"),
            "a cache changes the verdict"
        );
        match &verdict {
            Verdict::Allow(_) | Verdict::Need(_) => {}
            Verdict::Reply(answer) => check(&answer.reply),
            Verdict::Deny(denied) => {
                let reply = denied.reply(self.engine.realm(), head.path);
                check(&reply);
                assert!(
                    reply.status >= 400,
                    "a refusal has the status {}",
                    reply.status
                );
                assert_eq!(
                    reply.status == 401,
                    reply
                        .headers
                        .iter()
                        .any(|(name, _)| *name == "www-authenticate")
                );
            }
        }
        verdict
    }
}

/// Nothing that a client sent can begin another header field or another body.
fn check(reply: &Reply) {
    for (name, value) in &reply.headers {
        assert!(
            value.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{name}: {value:?}"
        );
    }
    let body = serde_json::from_slice::<Value>(&reply.body);
    assert!(
        body.is_ok(),
        "a body is no JSON: {:?}",
        String::from_utf8_lossy(&reply.body)
    );
}
