//! `http.auth.bearer`: providers, the token server, and the sources of their keys.

use std::time::Duration;

use super::issuer::{self, Issuer};
use super::sources::{add, secrets_manager};
use super::{mint, push, user_names};
use crate::authn::bearer::Bearer;
use crate::authn::mapping::ClaimMapping;
use crate::authn::provider::Provider;
use crate::authn::verify::KeyIdRule;
use crate::config::{Diagnostics, raw};
use crate::keys::envelope::secret_set;
use crate::keys::source::{Callout, Keys, Source, SourceKind};
use crate::keys::{KeySet, has_private_block, is_key_text, private_entries};
use crate::token_endpoint::mint::Mint;
use crate::x509;

const PATH: &str = "http.auth.bearer";

/// The most that the clock of an issuer may differ (`clockSkew`).
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(10);

/// What authenticates tokens: issuers and the token server.
#[derive(Debug, Default)]
pub(super) struct Authn {
    pub(super) providers: Vec<Provider>,
    pub(super) bearer: Option<Bearer>,
    pub(super) mint: Option<Mint>,
}

/// Compiles the section; sources are appended in the order of their ids. `people` is true where
/// people log in.
pub(super) fn compile(
    raw: &raw::Bearer,
    people: bool,
    proxy: &raw::Proxy,
    sources: &mut Vec<Source>,
    diagnostics: &mut Diagnostics,
) -> Authn {
    // Where people log in, their tokens are accepted without a source: only where clients get them
    // has to be said then.
    if !people && raw.cert.is_none() && raw.aws_secrets_manager.is_none() && raw.oidc.is_empty() {
        diagnostics.error(
            PATH,
            "has no source of keys: add `oidc`, `cert` or `awsSecretsManager`",
        );
    }
    let mut providers = Vec::with_capacity(raw.oidc.len());
    for (index, entry) in raw.oidc.iter().enumerate() {
        let path = format!("{PATH}.oidc[{index}]");
        providers.extend(provider(entry, &path, proxy, sources, diagnostics));
    }
    issuer::keep_apart(&raw.oidc, &format!("{PATH}.oidc"), diagnostics);
    push::agree(&raw.oidc, &format!("{PATH}.oidc"), diagnostics);
    user_names::keep_apart(&raw.oidc, &format!("{PATH}.oidc"), diagnostics);
    let bearer = token_server(raw, proxy, sources, diagnostics);
    Authn {
        providers,
        bearer,
        mint: mint::compile(raw, proxy, sources, diagnostics),
    }
}

fn token_server(
    raw: &raw::Bearer,
    proxy: &raw::Proxy,
    sources: &mut Vec<Source>,
    diagnostics: &mut Diagnostics,
) -> Option<Bearer> {
    let (kind, key_id, max_stale) = match (&raw.cert, &raw.aws_secrets_manager) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            diagnostics.error(
                PATH,
                "cannot have both `cert` and `awsSecretsManager`: keep one",
            );
            return None;
        }
        (Some(cert), None) => (
            SourceKind::Inline(certificate(cert, diagnostics)?),
            KeyIdRule::Ignored,
            None,
        ),
        (None, Some(aws)) => {
            let set = secret_set(&aws.region, &aws.secret_name);
            secrets_manager(
                aws,
                &set,
                &format!("{PATH}.awsSecretsManager"),
                proxy,
                diagnostics,
            );
            (SourceKind::Pushed(set), KeyIdRule::Required, aws.max_stale)
        }
    };
    if raw.audiences.is_empty() && raw.issuer.is_none() {
        let message = "sets neither `audiences` nor `issuer`: tokens for other services are accepted if they are signed with these keys";
        diagnostics.warn(PATH, message);
    }
    let source = add("bearer", kind, max_stale, sources);
    Some(Bearer {
        issuer: raw.issuer.clone(),
        audiences: raw.audiences.clone(),
        key_id,
        bypass_access_control: raw.bypass_access_control,
        minted: None,
        source,
    })
}

fn certificate(cert: &str, diagnostics: &mut Diagnostics) -> Option<Keys> {
    let path = format!("{PATH}.cert");
    if !is_key_text(cert) {
        diagnostics.error(
            path,
            "is a path, which the proxy cannot read: write the PEM or JWKS text here, as `registry-auth render` does",
        );
        return None;
    }
    // The whole text would be in the configuration of the proxy.
    if has_private_block(cert) {
        diagnostics.error(path, "holds a private key: paste the public one alone");
        return None;
    }
    let keys = diagnostics.accept(&path, KeySet::from_cert(cert));
    keys.map(Keys::new)
}

fn provider(
    raw: &raw::Oidc,
    path: &str,
    proxy: &raw::Proxy,
    sources: &mut Vec<Source>,
    diagnostics: &mut Diagnostics,
) -> Option<Provider> {
    let issuer = Issuer::read(raw, path, diagnostics);
    let audiences = audiences(raw, path, diagnostics);
    authority(raw, path, diagnostics);
    let mapping = ClaimMapping::compile(
        raw.claim_mapping.as_ref(),
        &format!("{path}.claimMapping"),
        diagnostics,
    );
    if raw.clock_skew.is_some_and(|skew| skew > MAX_CLOCK_SKEW) {
        diagnostics.error(
            format!("{path}.clockSkew"),
            "must be at most 10m: tokens are accepted that long after their end",
        );
    }
    let kind = source_kind(raw, issuer.as_ref(), path, proxy, diagnostics);
    let source = add(&raw.issuer, kind?, raw.max_stale, sources);
    Some(Provider {
        issuer: raw.issuer.clone(),
        audiences,
        skip_issuer_verification: raw.skip_issuer_verification,
        clock_skew: raw.clock_skew.unwrap_or_default(),
        mapping: mapping?,
        source,
    })
}

/// Blanks around an audience are dropped, as zot does.
fn audiences(raw: &raw::Oidc, path: &str, diagnostics: &mut Diagnostics) -> Vec<String> {
    if raw.audiences.is_empty() {
        diagnostics.error(
            format!("{path}.audiences"),
            "must name at least one audience",
        );
    }
    let mut audiences = Vec::with_capacity(raw.audiences.len());
    for (index, audience) in raw.audiences.iter().enumerate() {
        let audience = audience.trim();
        if audience.is_empty() {
            diagnostics.error(format!("{path}.audiences[{index}]"), "is empty");
        }
        audiences.push(audience.to_owned());
    }
    audiences
}

fn authority(raw: &raw::Oidc, path: &str, diagnostics: &mut Diagnostics) {
    if raw.certificate_authority.is_some() && raw.certificate_authority_file.is_some() {
        diagnostics.error(
            path,
            "cannot have both `certificateAuthority` and `certificateAuthorityFile`: keep one",
        );
    } else if raw.certificate_authority_file.is_some() && !raw.is_pushed() {
        let message = "is a path, which the proxy cannot read: set `keySource` to `push`, or configure the authority in the proxy's cluster of the issuer, as `registry-auth render` does";
        diagnostics.error(format!("{path}.certificateAuthorityFile"), message);
    }
    if let Some(pem) = &raw.certificate_authority
        && !is_certificate(pem)
    {
        diagnostics.error(
            format!("{path}.certificateAuthority"),
            "is not the PEM text of a certificate",
        );
    }
    if raw.token_file.is_some() && !raw.is_pushed() {
        let message = "is read by `registry-auth serve` only; set `keySource` to `push`, or let the proxy's cluster of the issuer add the bearer";
        diagnostics.error(format!("{path}.tokenFile"), message);
    }
}

/// Returns true if the text has at least one certificate, and nothing else (RFC 7468 section 5).
#[must_use]
pub fn is_certificate(text: &str) -> bool {
    let one = |block: &pem::Pem| {
        let certificate = x509::Certificate::read(block.contents());
        block.tag() == "CERTIFICATE" && certificate.is_some_and(|one| one.public_key().is_some())
    };
    pem::parse_many(text).is_ok_and(|blocks| !blocks.is_empty() && blocks.iter().all(one))
}

fn source_kind(
    raw: &raw::Oidc,
    issuer: Option<&Issuer>,
    path: &str,
    proxy: &raw::Proxy,
    diagnostics: &mut Diagnostics,
) -> Option<SourceKind> {
    match (raw.key_source.as_deref(), &raw.jwks) {
        (None | Some("callout"), Some(jwks)) => inline(jwks, path, diagnostics),
        (None | Some("callout"), None) => callout(raw, issuer, path, proxy, diagnostics),
        (Some("push"), _) => push::source(raw, issuer, path, proxy, diagnostics),
        (Some(other), _) => {
            let message = format!("`{other}` is not a source of keys; write callout or push");
            diagnostics.error(format!("{path}.keySource"), message);
            None
        }
    }
}

fn inline(
    jwks: &serde_json::Value,
    path: &str,
    diagnostics: &mut Diagnostics,
) -> Option<SourceKind> {
    let path = format!("{path}.jwks");
    // The whole set would be in the configuration of the proxy.
    let mut private = private_entries(jwks).peekable();
    if private.peek().is_some() {
        for (place, member) in private {
            let kind = if member == "k" {
                "a shared secret"
            } else {
                "a private key"
            };
            let message = format!("is {kind}: paste the public key (without `{member}`)");
            diagnostics.error(format!("{path}.{place}"), message);
        }
        return None;
    }
    let loaded = diagnostics.accept(&path, KeySet::from_jwks_value(jwks))?;
    for skipped in &loaded.skipped {
        diagnostics.warn(&path, skipped.to_string());
    }
    Some(SourceKind::Inline(Keys::new(loaded.keys)))
}

fn callout(
    raw: &raw::Oidc,
    issuer: Option<&Issuer>,
    path: &str,
    proxy: &raw::Proxy,
    diagnostics: &mut Diagnostics,
) -> Option<SourceKind> {
    let cluster = raw
        .cluster
        .clone()
        .or_else(|| proxy.oidc_cluster.clone())
        .filter(|cluster| !cluster.is_empty());
    if cluster.is_none() {
        let message = "must name the proxy's cluster of the issuer (or set `proxy.oidcCluster`, or `keySource` `push`, or inline `jwks`; `registry-auth render` writes a proxy with the cluster)";
        diagnostics.error(format!("{path}.cluster"), message);
    }
    let first = issuer.and_then(|issuer| issuer.first_request(raw, path, diagnostics));
    let cluster = cluster?;
    Some(SourceKind::Callout(Callout {
        issuer: raw.issuer.clone(),
        first: first?,
        jwks_cluster: raw.jwks_cluster.clone().unwrap_or_else(|| cluster.clone()),
        cluster,
    }))
}
