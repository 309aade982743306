//! The beginning of a login: where the browser is sent (RFC 6749 section 4.1.1, RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_engine::UnixTime;
use registry_auth_engine::url::HttpUrl;

use super::error::SocialError;
use super::provider::{Kind, Provider};
use super::sealed::{LIFETIME, PendingLogin};
use crate::random;

/// Returns a login at `provider` with new random values.
///
/// # Errors
/// There are no random bytes.
pub fn begin(
    provider: &Provider,
    callback_ui: String,
    now: UnixTime,
) -> Result<PendingLogin, SocialError> {
    Ok(PendingLogin {
        provider: provider.name.clone(),
        state: random::text::<16>()?,
        nonce: random::text::<16>()?,
        verifier: random::text::<32>()?,
        callback_ui,
        until: UnixTime::from_secs(now.secs()).after(LIFETIME),
    })
}

/// Returns the URL of the authorization request.
#[must_use]
pub fn location(
    endpoint: &HttpUrl,
    provider: &Provider,
    login: &PendingLogin,
    redirect_uri: &str,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", &provider.scope())
        .append_pair("state", &login.state)
        .append_pair("code_challenge", &challenge(&login.verifier))
        .append_pair("code_challenge_method", "S256");
    if matches!(provider.kind, Kind::OpenId(_)) {
        query.append_pair("nonce", &login.nonce);
    }
    let endpoint = endpoint.to_string();
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    format!("{endpoint}{mark}{}", query.finish())
}

/// S256 (RFC 7636 section 4.2).
fn challenge(verifier: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}
