//! Where keys come from, and which are held: the facts that a decision reads.

use std::sync::Arc;
use std::time::Duration;

use crate::keys::algorithm::Algorithm;
use crate::keys::ended::Ended;
use crate::keys::fetch::{Document, KeyRequest};
use crate::keys::{KeySet, SigningKey};

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

/// How long keys are used after the last success, when nothing is configured.
pub const DEFAULT_MAX_STALE: Duration = Duration::from_hours(1);

/// One source of keys.
#[derive(Clone, Debug)]
pub struct Source {
    /// For logs: the issuer, or `bearer`.
    pub name: String,
    /// How its keys are obtained.
    pub kind: SourceKind,
    /// How long keys are used after the last success.
    pub max_stale: Duration,
}

/// The longest label, in characters, before what makes it unique.
const MAX_LABEL: usize = 100;

/// Names of sources as parts of metric names, in their order: lower-case letters, digits and `_`,
/// each once. `https://` is left out.
#[must_use]
pub fn labels(sources: &[Source]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::with_capacity(sources.len());
    for source in sources {
        let name = source
            .name
            .split_once("://")
            .map_or(source.name.as_str(), |(_, rest)| rest);
        let plain = |letter: char| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_lowercase()
            } else {
                '_'
            }
        };
        let label: String = name
            .trim_end_matches('/')
            .chars()
            .take(MAX_LABEL)
            .map(plain)
            .collect();
        let numbered = (2_usize..).map(|number| format!("{label}_{number}"));
        let mut candidates = std::iter::once(label.clone()).chain(numbered);
        labels.extend(candidates.find(|candidate| !labels.contains(candidate)));
    }
    labels
}

/// How keys are obtained.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// They are in the configuration.
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
    /// What is asked for first: the keys if `jwksUri` is configured.
    pub first: KeyRequest,
    /// The host's name for the issuer.
    pub cluster: String,
    /// The host's name for the JWKS server.
    pub jwks_cluster: String,
}

impl Callout {
    /// The host's name for who is asked for a document, wherever its URL points.
    #[must_use]
    pub fn cluster_of(&self, document: Document) -> &str {
        match document {
            Document::Discovery => &self.cluster,
            Document::Keys => &self.jwks_cluster,
        }
    }
}

/// A set of keys as a decision sees it.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keys.
    pub set: Arc<KeySet>,
    /// The algorithms that the issuer announced; all supported ones when absent.
    pub algorithms: Option<Arc<[Algorithm]>>,
    /// Changes whenever the keys do; callers that another version authenticated are authenticated
    /// again.
    pub version: u64,
    /// What their service has ended, for the set of the login service.
    pub ended: Option<Arc<Ended>>,
}

impl Keys {
    /// Keys that no discovery document limits, at the first version.
    #[must_use]
    pub fn new(set: KeySet) -> Self {
        Self {
            set: Arc::new(set),
            algorithms: None,
            version: 0,
            ended: None,
        }
    }
}

/// The keys that are held, in the order of the sources.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    held: Vec<Option<Keys>>,
    signing: Option<Arc<SigningKey>>,
}

impl KeyRing {
    /// The ring at the start: inline keys are held, all others are missing.
    #[must_use]
    pub fn of(sources: &[Source]) -> Self {
        let inline = |source: &Source| match &source.kind {
            SourceKind::Inline(keys) => Some(keys.clone()),
            SourceKind::Callout(_) | SourceKind::Pushed(_) | SourceKind::Signing(_) => None,
        };
        Self {
            held: sources.iter().map(inline).collect(),
            signing: None,
        }
    }

    /// A ring in which each source has these keys, whatever it is.
    #[must_use]
    pub fn of_all(sources: &[Source], keys: &KeySet) -> Self {
        let keys = Keys::new(keys.clone());
        Self {
            held: sources.iter().map(|_| Some(keys.clone())).collect(),
            signing: None,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_fit_for_metric_names_and_tell_sources_apart() {
        let (long, cut) = ("x".repeat(300), "x".repeat(MAX_LABEL));
        let rows = [
            ("bearer", "bearer"),
            (
                "https://token.actions.githubusercontent.com",
                "token_actions_githubusercontent_com",
            ),
            ("https://Login.Example/Realms/a/", "login_example_realms_a"),
            ("http://login.example/realms/a", "login_example_realms_a_2"),
            ("https://login.example/realms/a", "login_example_realms_a_3"),
            ("a_2", "a_2"),
            ("a", "a"),
            ("a", "a_3"),
            ("é\n\"", "___"),
            ("", ""),
            (&long, &cut),
        ];
        let source = |name: &str| Source {
            name: name.to_owned(),
            kind: SourceKind::Pushed(String::new()),
            max_stale: Duration::ZERO,
        };
        let sources: Vec<_> = rows.iter().map(|(name, _)| source(name)).collect();
        assert_eq!(labels(&sources), rows.map(|(_, label)| label));
    }
}
