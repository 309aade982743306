//! The login itself: begin it, and finish it when the browser comes back.

use std::fmt;
use std::sync::Arc;

use registry_auth_engine::UnixTime;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::authorize;
use super::callback::Callback;
use super::callback_ui::AllowedOrigins;
use super::claims::{ClaimSources, Named};
use super::end_session;
use super::error::{Reason, SocialError};
use super::exchange::{Code, Tokens};
use super::external::External;
use super::http::{self, HttpClient};
use super::id_token::{IdTokenRules, Refused};
use super::known_issuer::KnownIssuer;
use super::metadata::{Metadata, SecretForm};
use super::provider::{GitHub, Kind, OpenId, Provider};
use super::sealed::{PendingLogin, Sealer};
use super::spent::SpentStates;

/// What a login of the configured providers needs.
pub struct Parts {
    /// The providers, in the order of their buttons.
    pub providers: Vec<Provider>,
    /// Our own address.
    pub external: External,
    /// Where browsers may be sent afterwards.
    pub origins: AllowedOrigins,
    /// Seals the cookie.
    pub sealer: Sealer,
    /// Remembers finished logins.
    pub spent: Box<dyn SpentStates>,
    /// Sends requests.
    pub client: Arc<dyn HttpClient>,
}

/// Logs people in by providers.
pub struct Social {
    parts: Parts,
    known: Vec<KnownIssuer>,
}

/// A login that has begun.
pub struct Begun {
    /// Where the browser goes.
    pub location: String,
    /// The value of the cookie `ra_login`.
    pub cookie: String,
}

/// A login that is finished.
#[derive(Debug)]
pub struct Finished {
    /// The provider.
    pub provider: String,
    /// Who it is.
    pub named: Named,
    /// Where the browser goes.
    pub callback_ui: String,
}

impl Social {
    /// Takes the parts. Nothing is fetched until somebody logs in.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let known = parts.providers.iter().map(|_| KnownIssuer::default());
        Self {
            known: known.collect(),
            parts,
        }
    }

    /// The providers.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.parts.providers
    }

    /// Our own address.
    #[must_use]
    pub const fn external(&self) -> &External {
        &self.parts.external
    }

    /// Returns `callback_ui` if a browser may be sent there, else `/`.
    #[must_use]
    pub fn checked(&self, callback_ui: &str) -> String {
        self.parts.origins.checked(callback_ui)
    }

    /// Begins a login.
    ///
    /// # Errors
    /// There is no such provider, or it does not answer.
    pub async fn begin(
        &self,
        provider: &str,
        callback_ui: &str,
        now: UnixTime,
    ) -> Result<Begun, SocialError> {
        let (provider, known) = self.find(provider)?;
        let endpoint = match &provider.kind {
            Kind::GitHub(github) => github.authorize.clone(),
            Kind::OpenId(openid) => {
                let metadata = known.metadata(openid, self.client(), now).await?;
                metadata.authorization_endpoint.clone()
            }
        };
        let login = authorize::begin(provider, self.checked(callback_ui), now)?;
        let redirect_uri = self.parts.external.redirect_uri(&provider.name);
        Ok(Begun {
            location: authorize::location(&endpoint, provider, &login, &redirect_uri),
            cookie: self.parts.sealer.seal(&login)?,
        })
    }

    /// Finishes a login: `provider` is the end of the callback's path, `query` what the browser
    /// brings, `cookie` the value of `ra_login`.
    ///
    /// # Errors
    /// See [`Reason`].
    pub async fn finish(
        &self,
        provider: &str,
        query: &str,
        cookie: Option<&str>,
        now: UnixTime,
    ) -> Result<Finished, SocialError> {
        let (provider, known) = self.find(provider)?;
        let callback = Callback::parse(query)?;
        let Parts { sealer, spent, .. } = &self.parts;
        let login = callback
            .take(&provider.name, cookie, sealer, &**spent, now)
            .await?;
        let named = match &provider.kind {
            Kind::GitHub(github) => {
                let code = callback.code(None, false)?;
                self.github(provider, github, &login, &code, now).await?
            }
            Kind::OpenId(openid) => {
                let metadata = known.metadata(openid, self.client(), now).await?;
                let code = callback.code(Some(&openid.issuer), metadata.names_issuer_in_answers)?;
                let asked = OpenIdLogin {
                    social: self,
                    provider,
                    openid,
                    known,
                    metadata: &metadata,
                    login: &login,
                };
                asked.named(&code, now).await?
            }
        };
        Ok(Finished {
            provider: provider.name.clone(),
            named,
            callback_ui: login.callback_ui.clone(),
        })
    }

    /// Returns where a browser ends its session at a provider, if it can.
    pub async fn end_session_url(&self, provider: &str, now: UnixTime) -> Option<String> {
        let (provider, known) = self.find(provider).ok()?;
        let Kind::OpenId(openid) = &provider.kind else {
            return None;
        };
        let metadata = known.metadata(openid, self.client(), now).await.ok()?;
        end_session::url(
            metadata.end_session_endpoint.as_deref(),
            &provider.client_id,
            &self.parts.external.after_logout(),
        )
    }

    fn find(&self, name: &str) -> Result<(&Provider, &KnownIssuer), SocialError> {
        let all = self.parts.providers.iter().zip(&self.known);
        all.into_iter()
            .find(|(provider, _)| provider.name == name)
            .ok_or_else(|| Reason::UnknownProvider.into())
    }

    fn client(&self) -> &dyn HttpClient {
        &*self.parts.client
    }

    async fn github(
        &self,
        provider: &Provider,
        github: &GitHub,
        login: &PendingLogin,
        code: &str,
        now: UnixTime,
    ) -> Result<Named, SocialError> {
        let redirect_uri = self.parts.external.redirect_uri(&provider.name);
        let code = Code {
            provider,
            endpoint: &github.token,
            issuer: None,
            secret_form: SecretForm::Post,
            redirect_uri: &redirect_uri,
            value: code,
            verifier: &login.verifier,
        };
        let tokens = code.exchange(self.client(), now).await?;
        github.named(self.client(), &tokens.access).await
    }
}

/// A login at an `OpenID` provider whose callback was checked.
struct OpenIdLogin<'a> {
    social: &'a Social,
    provider: &'a Provider,
    openid: &'a OpenId,
    known: &'a KnownIssuer,
    metadata: &'a Metadata,
    login: &'a PendingLogin,
}

impl OpenIdLogin<'_> {
    async fn named(&self, code: &Zeroizing<String>, now: UnixTime) -> Result<Named, SocialError> {
        let redirect_uri = self.social.parts.external.redirect_uri(&self.provider.name);
        let code = Code {
            provider: self.provider,
            endpoint: &self.metadata.token_endpoint,
            issuer: Some(&self.openid.issuer),
            secret_form: self.metadata.secret_form,
            redirect_uri: &redirect_uri,
            value: code,
            verifier: &self.login.verifier,
        };
        let tokens = code.exchange(self.social.client(), now).await?;
        let claims = self.verified(&tokens, now).await?;
        let token_alone = ClaimSources {
            id_token: &claims,
            userinfo: None,
        };
        let userinfo = if token_alone.lacks(self.openid) {
            self.userinfo(&tokens, &claims).await?
        } else {
            None
        };
        let sources = ClaimSources {
            userinfo: userinfo.as_ref(),
            ..token_alone
        };
        sources.named(self.openid)
    }

    async fn verified(
        &self,
        tokens: &Tokens,
        now: UnixTime,
    ) -> Result<Map<String, Value>, SocialError> {
        let client = self.social.client();
        let token = tokens
            .id
            .as_ref()
            .ok_or_else(|| Reason::InvalidToken.because("there is no ID token"))?;
        let rules = IdTokenRules {
            issuer: &self.openid.issuer,
            client_id: &self.provider.client_id,
            nonce: &self.login.nonce,
            access_token: &tokens.access,
            algorithms: &self.metadata.discovery.algorithms,
        };
        let keys = self.known.keys(self.metadata, None, client, now).await?;
        match rules.verify(token, &keys, now) {
            Ok(claims) => return Ok(claims),
            Err(Refused::Invalid(error)) => return Err(error),
            Err(Refused::UnknownKey) => {}
        }
        let newer = self
            .known
            .keys(self.metadata, Some(&keys), client, now)
            .await?;
        rules
            .verify(token, &newer, now)
            .map_err(|refused| match refused {
                Refused::Invalid(error) => error,
                Refused::UnknownKey => {
                    Reason::InvalidToken.because("the ID token names an unknown key")
                }
            })
    }

    /// Asks the userinfo endpoint, where there is one (`OpenID` Connect Core 1.0 section 5.3).
    async fn userinfo(
        &self,
        tokens: &Tokens,
        id_token: &Map<String, Value>,
    ) -> Result<Option<Map<String, Value>>, SocialError> {
        const WHAT: &str = "the userinfo endpoint";
        let Some(url) = &self.metadata.userinfo_endpoint else {
            return Ok(None);
        };
        let request = http::get(url, Some(&tokens.access))?;
        let response = http::send(self.social.client(), WHAT, request).await?;
        if response.status().as_u16() != 200 {
            return Err(http::status_error(Reason::ProviderAnswer, WHAT, &response));
        }
        let Value::Object(claims) = http::json(WHAT, &response)? else {
            return Err(Reason::ProviderAnswer.because("userinfo is no JSON object"));
        };
        // Section 5.3.2: otherwise the claims may be those of somebody else.
        if claims.get("sub").is_none() || claims.get("sub") != id_token.get("sub") {
            return Err(Reason::InvalidToken.because("userinfo is about somebody else"));
        }
        Ok(Some(claims))
    }
}

impl fmt::Debug for Social {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Social")
            .field("providers", &self.parts.providers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Begun([redacted])")
    }
}
