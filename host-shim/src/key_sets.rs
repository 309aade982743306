//! The key sets that a configuration has the shim fetch.

use std::sync::Arc;

use registry_auth_engine::compile::mint_algorithm;
use registry_auth_engine::config::raw::{AwsSecretsManager, Bearer, Oidc};
use registry_auth_engine::keys::envelope::{issuer_set, secret_set, signing_set};

use crate::issuer::Issuer;
use crate::login_feed::LoginFeed;
use crate::refresh::Timing;
use crate::secrets::Content;

/// A key set that the shim fetches and pushes to the intakes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeySetSource {
    /// The name of the set in the push protocol.
    pub(crate) name: Arc<str>,
    /// Where its keys come from.
    pub(crate) origin: Origin,
    /// How often it is fetched, and how long it is valid.
    pub(crate) timing: Timing,
}

/// Where the keys of a set come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// A secret in AWS Secrets Manager, and the kind of its keys.
    Secret(AwsSecretsManager, Content),
    /// An OIDC issuer.
    Issuer(Issuer),
    /// The login service of this process.
    Login(LoginFeed),
}

/// Returns the sets of a section: at most one of verification keys, one with a signing key, and one
/// for each issuer whose `keySource` is `push`.
pub(crate) fn of(bearer: &Bearer) -> Vec<KeySetSource> {
    let mut sets: Vec<KeySetSource> = secrets(bearer).collect();
    for set in bearer.oidc.iter().filter_map(issuer) {
        // Entries of one issuer share a set.
        if !sets.iter().any(|earlier| earlier.name == set.name) {
            sets.push(set);
        }
    }
    sets
}

fn secrets(bearer: &Bearer) -> impl Iterator<Item = KeySetSource> {
    let set = |name: String, place: &AwsSecretsManager, content| KeySetSource {
        name: name.into(),
        origin: Origin::Secret(place.clone(), content),
        timing: Timing {
            interval: place.refresh_interval,
            max_stale: place.max_stale,
        },
    };
    let verifying = bearer.aws_secrets_manager.as_ref();
    let verifying = verifying.map(|place| {
        set(
            secret_set(&place.region, &place.secret_name),
            place,
            Content::Verifying {
                strict: place.strict,
            },
        )
    });
    let signing = bearer.mint.as_ref().and_then(|mint| {
        let content = Content::Signing {
            algorithm: mint_algorithm(mint)?,
            key_id: mint.key_id.clone(),
        };
        let place = mint.aws_secrets_manager.as_ref()?;
        Some(set(
            signing_set(&place.region, &place.secret_name),
            place,
            content,
        ))
    });
    verifying.into_iter().chain(signing)
}

fn issuer(oidc: &Oidc) -> Option<KeySetSource> {
    Some(KeySetSource {
        name: issuer_set(&oidc.issuer, oidc.jwks_uri.as_deref()).into(),
        origin: Origin::Issuer(Issuer::of(oidc)?),
        timing: Timing {
            interval: None,
            max_stale: oidc.max_stale,
        },
    })
}
