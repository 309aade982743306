//! What the browser brings back (RFC 6749 section 4.1.2), checked before anything is sent.

use registry_auth_engine::UnixTime;
use zeroize::Zeroizing;

use super::error::{Reason, SocialError};
use super::sealed::{PendingLogin, Sealer};
use super::spent::SpentStates;

/// The parameters of a callback. Each may be there once.
#[derive(Default)]
pub struct Callback {
    code: Option<Zeroizing<String>>,
    state: Option<String>,
    error: Option<String>,
    issuer: Option<String>,
}

impl Callback {
    /// Reads a query.
    ///
    /// # Errors
    /// [`Reason::WrongState`]: a parameter is there twice (RFC 6749 section 3.1).
    pub fn parse(query: &str) -> Result<Self, SocialError> {
        let mut callback = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            let old = match &*name {
                "code" => callback.code.replace(Zeroizing::new(value)).map(drop),
                "state" => callback.state.replace(value).map(drop),
                "error" => callback.error.replace(value).map(drop),
                "iss" => callback.issuer.replace(value).map(drop),
                _ => None,
            };
            if old.is_some() {
                return Err(Reason::WrongState.because("a parameter is there twice"));
            }
        }
        Ok(callback)
    }

    /// Finds the login that this is the callback of, and takes it: it can be finished once.
    ///
    /// # Errors
    /// See [`Reason`]: there is no login, or one of another provider, or it was taken before.
    pub async fn take(
        &self,
        provider: &str,
        cookie: Option<&str>,
        sealer: &Sealer,
        spent: &dyn SpentStates,
        now: UnixTime,
    ) -> Result<PendingLogin, SocialError> {
        let cookie = cookie.ok_or_else(|| Reason::NoLogin.because("there is no cookie"))?;
        let login = sealer.open(cookie, now)?;
        if login.provider != provider {
            return Err(Reason::WrongState.because("the login is one of another provider"));
        }
        let state = self.state.as_deref().unwrap_or_default();
        let same = aws_lc_rs::constant_time::verify_slices_are_equal;
        same(state.as_bytes(), login.state.as_bytes())
            .map_err(|_| Reason::WrongState.because("the state is another"))?;
        spent.take(&login.state, login.until, now).await?;
        Ok(login)
    }

    /// Returns the code, for a provider with this issuer.
    ///
    /// # Errors
    /// [`Reason::WrongIssuer`]: it comes from another issuer, or does not say from which although
    /// this one always does (RFC 9207 section 2.4). [`Reason::Refused`] or
    /// [`Reason::ProviderUnavailable`]: there is an error instead of a code.
    pub fn code(
        self,
        issuer: Option<&str>,
        always_named: bool,
    ) -> Result<Zeroizing<String>, SocialError> {
        match (self.issuer.as_deref(), issuer) {
            (Some(named), Some(issuer)) if named != issuer => {
                return Err(Reason::WrongIssuer.because("the parameter iss names another issuer"));
            }
            (None, Some(_)) if always_named => {
                return Err(Reason::WrongIssuer.because("there is no parameter iss"));
            }
            _ => {}
        }
        match (self.error.as_deref(), self.code) {
            (Some("server_error" | "temporarily_unavailable"), _) => {
                Err(Reason::ProviderUnavailable
                    .because("the provider reports a failure of its own"))
            }
            (Some(error), _) => Err(Reason::Refused.because(known(error))),
            (None, Some(code)) if !code.is_empty() => Ok(code),
            (None, _) => Err(Reason::Refused.because("there is no code")),
        }
    }
}

/// An error of the specifications, which may be logged; others are texts of anybody.
fn known(error: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "access_denied",
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "interaction_required",
        "login_required",
        "account_selection_required",
        "consent_required",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == error)
        .unwrap_or("an error that no specification names")
}
