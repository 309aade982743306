//! A provider as the configuration names it.

use std::fmt;

use registry_auth_engine::url::{BaseUrl, HttpUrl, UrlError};

use super::assertion::AssertionKey;
use crate::Secret;

/// The API of github.com.
const GITHUB_API: &str = "https://api.github.com";
/// Where github.com asks people.
const GITHUB_AUTHORIZE: &str = "https://github.com/login/oauth/authorize";
/// Where github.com gives tokens out.
const GITHUB_TOKEN: &str = "https://github.com/login/oauth/access_token";

/// A provider that people log in with.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its key in `openid.providers`: the parameter `provider`, the end of the callback's path.
    pub name: String,
    /// What the button says.
    pub label: String,
    /// Our name at the provider.
    pub client_id: String,
    /// How we prove that.
    pub credential: Credential,
    /// What is asked for, as it is configured.
    pub scopes: Vec<String>,
    /// The protocol.
    pub kind: Kind,
}

/// The protocol of a provider.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `OpenID` Connect.
    OpenId(OpenId),
    /// OAuth 2.0 and the API of GitHub.
    GitHub(GitHub),
}

/// An `OpenID` provider.
#[derive(Clone, Debug)]
pub struct OpenId {
    /// The issuer as it is written, which the discovery document has to name.
    pub issuer: String,
    /// The same as a URL.
    pub url: BaseUrl,
    /// The claim with the user name.
    pub username_claim: String,
    /// The claim with the groups.
    pub groups_claim: String,
}

/// GitHub, or a GitHub Enterprise Server.
#[derive(Clone, Debug)]
pub struct GitHub {
    /// Where people are asked.
    pub authorize: HttpUrl,
    /// Where tokens are given out.
    pub token: HttpUrl,
    /// The API.
    pub api: BaseUrl,
}

/// How a client proves that it is the one that was registered.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Not at all: PKCE alone protects the code.
    None,
    /// By a secret.
    Secret(Secret),
    /// By a signed assertion (RFC 7523).
    Key(AssertionKey),
}

impl OpenId {
    /// With the claims that zot reads when none are configured.
    ///
    /// # Errors
    /// The issuer is no URL.
    pub fn new(
        issuer: &str,
        username_claim: Option<&str>,
        groups_claim: Option<&str>,
    ) -> Result<Self, UrlError> {
        let or = |claim: Option<&str>, default: &str| {
            let claim = claim.filter(|claim| !claim.is_empty());
            claim.unwrap_or(default).to_owned()
        };
        Ok(Self {
            issuer: issuer.to_owned(),
            url: BaseUrl::parse(issuer)?,
            username_claim: or(username_claim, "email"),
            groups_claim: or(groups_claim, "groups"),
        })
    }
}

impl GitHub {
    /// github.com, or the server of `authurl` and `tokenurl`. Its API is `apiurl`, else
    /// `/api/v3` of the server: a token of one server is never shown to another.
    ///
    /// # Errors
    /// One of them is no URL.
    pub fn new(server: Option<(&str, &str)>, api: Option<&str>) -> Result<Self, UrlError> {
        let (authorize, token) = server.unwrap_or((GITHUB_AUTHORIZE, GITHUB_TOKEN));
        let authorize = HttpUrl::parse(authorize)?;
        let api = match (api, server) {
            (Some(api), _) => BaseUrl::parse(api)?,
            (None, None) => BaseUrl::parse(GITHUB_API)?,
            (None, Some(_)) => BaseUrl::parse(&format!(
                "{}://{}/api/v3",
                authorize.scheme(),
                authorize.authority()
            ))?,
        };
        Ok(Self {
            authorize,
            token: HttpUrl::parse(token)?,
            api,
        })
    }
}

impl Provider {
    /// The scopes that are asked for: `openid` first, unless it is there or the provider is GitHub.
    #[must_use]
    pub fn scope(&self) -> String {
        let scopes = self.scopes.iter().map(String::as_str);
        let has_openid = scopes.clone().any(|scope| scope == "openid");
        if has_openid || matches!(self.kind, Kind::GitHub(_)) {
            scopes.collect::<Vec<_>>().join(" ")
        } else {
            let all = std::iter::once("openid").chain(scopes);
            all.collect::<Vec<_>>().join(" ")
        }
    }

    /// What the claim `amr` says of a login with it.
    #[must_use]
    pub fn method(&self) -> crate::Method {
        crate::Method::OpenId(self.name.clone())
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}
