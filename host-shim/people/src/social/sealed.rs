//! The cookie `ra_login`: what has to be known of a login while the browser is at the provider.
//!
//! It is encrypted and authenticated (XChaCha20-Poly1305), so that no store is needed, no other
//! browser can finish the login, and the browser reads neither nonce nor verifier.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use registry_auth_engine::{UnixTime, json};
use serde_json::json;
use zeroize::Zeroizing;

use super::error::{Reason, SocialError};
use crate::random;
use crate::token::DerivedKey;

/// Its name.
pub const COOKIE: &str = "ra_login";
/// How long a login may take.
pub const LIFETIME: Duration = Duration::from_mins(10);

/// Bytes of the nonce of the cipher.
const NONCE: usize = 24;
/// What the ciphertext is for.
const BINDING: &[u8] = b"registry-auth login 1";

/// A login that waits for its callback.
#[derive(Clone, PartialEq, Eq)]
pub struct PendingLogin {
    /// The provider that was asked.
    pub provider: String,
    /// The parameter `state`.
    pub state: String,
    /// The claim `nonce` that the ID token must have.
    pub nonce: String,
    /// The verifier of the code challenge (RFC 7636).
    pub verifier: String,
    /// Where the browser goes afterwards; it was checked before.
    pub callback_ui: String,
    /// When it ends.
    pub until: UnixTime,
}

/// Seals and opens [`PendingLogin`]s.
pub struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// With the key of [`Purpose::LoginState`](crate::token::Purpose::LoginState): replicas with
    /// the same one finish each other's logins.
    #[must_use]
    pub fn new(key: &DerivedKey) -> Self {
        let key: &[u8; 32] = key;
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Returns the value of the cookie.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn seal(&self, login: &PendingLogin) -> Result<String, SocialError> {
        let text = Zeroizing::new(
            json!({
                "provider": login.provider,
                "state": login.state,
                "nonce": login.nonce,
                "verifier": login.verifier,
                "callback_ui": login.callback_ui,
                "until": login.until.secs(),
            })
            .to_string(),
        );
        let nonce = random::bytes::<NONCE>()?;
        let payload = Payload {
            msg: text.as_bytes(),
            aad: BINDING,
        };
        let ciphertext = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Reason::Internal.because("the login cannot be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &ciphertext].concat()))
    }

    /// Opens the value of a cookie.
    ///
    /// # Errors
    /// [`Reason::NoLogin`]: it is not one of ours, was changed, or is too old.
    pub fn open(&self, cookie: &str, now: UnixTime) -> Result<PendingLogin, SocialError> {
        let login = self
            .read(cookie)
            .ok_or_else(|| Reason::NoLogin.because("the cookie does not open"))?;
        if now < login.until {
            Ok(login)
        } else {
            Err(Reason::NoLogin.because("the login is too old"))
        }
    }

    fn read(&self, cookie: &str) -> Option<PendingLogin> {
        let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: ciphertext,
            aad: BINDING,
        };
        let text = Zeroizing::new(self.0.decrypt(&XNonce::from(*nonce), payload).ok()?);
        let value = json::parse(&text).ok()?;
        let text = |name| Some(value.get(name)?.as_str()?.to_owned());
        Some(PendingLogin {
            provider: text("provider")?,
            state: text("state")?,
            nonce: text("nonce")?,
            verifier: text("verifier")?,
            callback_ui: text("callback_ui")?,
            until: UnixTime::from_secs(value.get("until")?.as_i64()?),
        })
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sealer([redacted])")
    }
}

impl std::fmt::Debug for PendingLogin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("PendingLogin([redacted])")
    }
}
