//! Where keys come from, and what is held of them: the facts that a decision reads.

use std::sync::Arc;
use std::time::Duration;

use crate::authn::algorithm::Algorithm;
use crate::authn::keys::{KeySet, SigningKey};
use crate::url::HttpUrl;

/// Which source of a configuration; an index into [`crate::engine::Engine::sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceId(pub(crate) usize);

impl SourceId {
    /// The id of the source at a position.
    #[must_use]
    pub const fn from_index(index: usize) -> Self {
        Self(index)
    }

    /// The position in [`crate::engine::Engine::sources`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// One source of keys.
#[derive(Clone, Debug)]
pub struct Source {
    /// For logs: the issuer, or `bearer`.
    pub name: String,
    /// How its keys are had.
    pub kind: SourceKind,
    /// How long keys are used after the last success.
    pub max_stale: Duration,
}

/// How keys are had.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// They stand in the configuration.
    Inline(Keys),
    /// By HTTP callouts of the host.
    Callout(Callout),
    /// The shim pushes them under this name.
    Pushed(String),
    /// The shim pushes a private key under this name: it signs, and its public half verifies.
    Signing(String),
}

/// How to ask an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// The issuer, compared exactly with the discovery document.
    pub issuer: String,
    /// Where the discovery document is; absent when `jwksUri` is configured.
    pub discovery: Option<HttpUrl>,
    /// Where the keys are, when it is configured.
    pub jwks_uri: Option<HttpUrl>,
    /// The host's name for the issuer.
    pub cluster: String,
    /// The host's name for the JWKS server.
    pub jwks_cluster: String,
}

/// A set of keys as a decision sees it.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keys.
    pub set: Arc<KeySet>,
    /// The algorithms that the issuer announced; all of ours when absent.
    pub algorithms: Option<Arc<[Algorithm]>>,
    /// Changes whenever the keys do; identities proven by another version are proven again.
    pub version: u64,
}

/// What is held of each source, in the order of the sources.
#[derive(Clone, Debug, Default)]
pub struct HeldKeys {
    held: Vec<Option<Keys>>,
    signing: Option<Arc<SigningKey>>,
}

impl HeldKeys {
    /// The start: inline keys are there, everything else is missing.
    #[must_use]
    pub fn of(sources: &[Source]) -> Self {
        let inline = |source: &Source| match &source.kind {
            SourceKind::Inline(keys) => Some(keys.clone()),
            SourceKind::Callout(_) | SourceKind::Pushed(_) | SourceKind::Signing(_) => None,
        };
        Self { held: sources.iter().map(inline).collect(), signing: None }
    }

    /// The keys of a source, if any are held.
    #[must_use]
    pub fn get(&self, source: SourceId) -> Option<&Keys> {
        self.held.get(source.0)?.as_ref()
    }

    /// The key that tokens are minted with, as long as the keys of its source are held.
    #[must_use]
    pub fn signing(&self, source: SourceId) -> Option<&SigningKey> {
        self.get(source)?;
        self.signing.as_deref()
    }

    /// Replaces the key that tokens are minted with.
    pub fn set_signing(&mut self, key: SigningKey) {
        self.signing = Some(Arc::new(key));
    }

    /// Replaces what is held of a source.
    pub fn set(&mut self, source: SourceId, keys: Option<Keys>) {
        if let Some(held) = self.held.get_mut(source.0) {
            *held = keys;
        }
    }
}
