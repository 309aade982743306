//! The keys of the issuer that a token names, fetched as `serve` fetches them.

use anyhow::{Context as _, anyhow};
use registry_auth_engine::KeyRing;
use registry_auth_engine::authn::issuer::is_named;
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::config::raw::{Document, Oidc};
use registry_auth_engine::engine::Engine;
use registry_auth_engine::keys::KeySet;
use registry_auth_engine::keys::source::{Keys, SourceId, SourceKind};

use crate::issuer::Issuer;
use crate::source::Source as _;

/// Returns the keys that are in the configuration, and those of each issuer that may have signed
/// the token. Only issuers of the configuration are asked, and never a URL of the token. What was
/// fetched is added to `notes`.
///
/// # Errors
/// Keys cannot be fetched, with the cause.
pub(super) fn keys(
    document: &Document,
    engine: &Engine,
    token: &UnverifiedToken<'_>,
    notes: &mut Vec<String>,
) -> anyhow::Result<KeyRing> {
    let mut ring = KeyRing::of(engine.sources());
    let claimed = token.claims_unverified().issuer().ok().flatten();
    let may_sign = |entry: &&Oidc| {
        let is_named = claimed.is_some_and(|claimed| is_named(&entry.issuer, claimed));
        entry.jwks.is_none() && (is_named || entry.skip_issuer_verification)
    };
    let entries = document.bearer.iter().flat_map(|bearer| &bearer.oidc);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    for entry in entries.filter(may_sign) {
        let keys = runtime.block_on(fetched(entry))?;
        let count = keys.iter().count();
        notes.push(format!("{count} keys of {} were fetched", entry.issuer));
        for (index, source) in engine.sources().iter().enumerate() {
            let is_fetched = !matches!(source.kind, SourceKind::Inline(_));
            if is_fetched && source.name == entry.issuer {
                ring.set(SourceId::from_index(index), Some(Keys::new(keys.clone())));
            }
        }
    }
    if notes.is_empty() {
        notes.push(
            "no keys were fetched: no entry of `oidc` that fetches its keys has this issuer"
                .to_owned(),
        );
    }
    Ok(ring)
}

async fn fetched(entry: &Oidc) -> anyhow::Result<KeySet> {
    let name = &entry.issuer;
    let issuer = Issuer::reached(entry).with_context(|| format!("`{name}` has no URL"))?;
    let fetched = issuer.fetch().await;
    let fetched = fetched.map_err(|error| anyhow!("fetching keys of {name} failed: {error}"))?;
    let set = KeySet::from_jwks_value(&fetched.keys.jwks);
    Ok(set
        .with_context(|| format!("the keys of {name} cannot be used"))?
        .keys)
}
