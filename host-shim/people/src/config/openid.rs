//! `http.auth.openid`.

use std::path::PathBuf;

use registry_auth_engine::url::HttpUrl;

use super::reader::Object;
use crate::secret::Secret;

/// The providers that people log in with in a browser.
#[derive(Clone, Debug)]
pub struct OpenId {
    /// The providers, in the order of their names; never empty.
    pub providers: Vec<Provider>,
    /// Origins that a login may lead back to, besides `external_url`.
    pub callback_allow_origins: Vec<String>,
    /// The URL by which browsers reach this registry (`http.externalUrl`).
    pub external_url: Option<String>,
}

/// One provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Which one.
    pub key: ProviderKey,
    /// Its name on the login page.
    pub name: Option<String>,
    /// The client's id, where the configuration has it.
    pub client_id: Option<String>,
    /// The client's secret, or where it is.
    pub client_secret: ClientSecret,
    /// The file with the key that signs client assertions.
    pub keypath: Option<PathBuf>,
    /// The issuer; None only for GitHub.
    pub issuer: Option<String>,
    /// The scopes that are asked for; never empty.
    pub scopes: Vec<String>,
    /// GitHub Enterprise: the authorization endpoint. Given together with `tokenurl`.
    pub authurl: Option<String>,
    /// GitHub Enterprise: the token endpoint.
    pub tokenurl: Option<String>,
    /// GitHub Enterprise: the base of the API, where it is not `https://HOST/api/v3` (D43).
    pub apiurl: Option<String>,
    /// The claims that are the name and the groups.
    pub claim_mapping: ClaimMapping,
}

/// Where a client's secret is.
#[derive(Clone, Debug)]
pub enum ClientSecret {
    /// A public client.
    None,
    /// In the configuration.
    Text(Secret),
    /// In a file, together with the client's id.
    File(PathBuf),
}

/// Claims; where None, the provider's usual ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimMapping {
    /// The claim that is the user name.
    pub username: Option<String>,
    /// The claim that lists the groups.
    pub groups: Option<String>,
}

/// The providers that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKey {
    /// GitHub or GitHub Enterprise: OAuth 2.0 and its API.
    GitHub,
    /// GitLab.
    GitLab,
    /// Google.
    Google,
    /// Any other OpenID provider.
    Oidc,
}

impl ProviderKey {
    /// All of them, by name.
    pub const ALL: [Self; 4] = [Self::GitHub, Self::GitLab, Self::Google, Self::Oidc];

    /// The name in configurations and URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Google => "google",
            Self::Oidc => "oidc",
        }
    }
}

/// Reads the section; the external URL is not part of it.
pub(super) fn read(object: &mut Object<'_>) -> Option<OpenId> {
    const EMPTY: &str = "names no provider, which zot takes as no authentication at all (D17): write `providers` with google, gitlab, oidc or github, or remove the section";
    if object.is_empty() {
        object.error_here(EMPTY);
        return None;
    }
    let callback_allow_origins = object.texts("callbackAllowOrigins");
    for origin in &callback_allow_origins {
        check_url(object, "callbackAllowOrigins", origin);
    }
    let before = object.errors();
    let providers = object.object("providers", |providers| {
        let mut read = providers.rest(provider);
        read.sort_by_key(|provider| provider.as_ref().map(|provider| provider.key));
        read
    });
    let providers = providers.unwrap_or_default();
    if providers.is_empty() && before == object.errors() {
        object.error("providers", EMPTY);
    }
    let providers = providers.into_iter().collect::<Option<Vec<_>>>()?;
    let twice = providers.windows(2).find_map(|pair| match pair {
        [first, second] if first.key == second.key => Some(first.key),
        _ => None,
    });
    if let Some(key) = twice {
        object.error(
            "providers",
            format!(
                "has `{}` twice: names are compared without case",
                key.as_str()
            ),
        );
    }
    (!providers.is_empty()).then_some(OpenId {
        providers,
        callback_allow_origins,
        external_url: None,
    })
}

fn provider(name: &str, object: &mut Object<'_>) -> Option<Provider> {
    let key = ProviderKey::ALL
        .into_iter()
        .find(|key| key.as_str().eq_ignore_ascii_case(name));
    let client_secret = client_secret(object);
    let client_id = if matches!(client_secret, ClientSecret::File(_)) {
        object.text("clientid")
    } else {
        object.needed("clientid", "my-client")
    };
    let scopes = object.texts("scopes");
    if scopes.is_empty() {
        object.error("scopes", "must be given, such as [\"openid\", \"email\"]");
    }
    let [authurl, tokenurl, apiurl] =
        ["authurl", "tokenurl", "apiurl"].map(|name| url(object, name));
    let issuer = url(object, "issuer");
    let provider = Provider {
        key: key.unwrap_or(ProviderKey::Oidc),
        name: object.text("name"),
        client_id,
        client_secret,
        keypath: object.text("keypath").map(PathBuf::from),
        issuer,
        scopes,
        authurl,
        tokenurl,
        apiurl,
        claim_mapping: object
            .object("claimMapping", |mapping| ClaimMapping {
                username: mapping.text("username"),
                groups: mapping.text("groups"),
            })
            .unwrap_or_default(),
    };
    let Some(key) = key else {
        object.error_here("is no provider that is known: google, gitlab, oidc or github; another OpenID provider is configured as `oidc`");
        return None;
    };
    if key == ProviderKey::GitHub {
        github(object, &provider);
    } else {
        openid(object, &provider);
    }
    Some(provider)
}

fn client_secret(object: &mut Object<'_>) -> ClientSecret {
    let text = object.text("clientsecret");
    let file = object.text("credentialsFile");
    match (text, file) {
        (text, Some(file)) => {
            if text.is_some() {
                object.warn(
                    "clientsecret",
                    "is not used, as in zot: `credentialsFile` has the secret",
                );
            }
            ClientSecret::File(PathBuf::from(file))
        }
        (Some(text), None) => ClientSecret::Text(Secret::new(text.into_bytes())),
        (None, None) => ClientSecret::None,
    }
}

fn github(object: &mut Object<'_>, provider: &Provider) {
    if provider.issuer.is_some() {
        object.warn("issuer", "is not used: GitHub's OAuth has none");
    }
    if provider.keypath.is_some() {
        object.warn("keypath", "is not used: GitHub takes no client assertion");
    }
    if provider.claim_mapping != ClaimMapping::default() {
        object.warn(
            "claimMapping",
            "is not used: GitHub gives no claims; the name is the primary verified address",
        );
    }
    if provider.authurl.is_some() != provider.tokenurl.is_some() {
        let missing = if provider.authurl.is_some() {
            "tokenurl"
        } else {
            "authurl"
        };
        object.error(
            missing,
            "must be given: `authurl` and `tokenurl` of GitHub Enterprise belong together",
        );
    }
}

fn openid(object: &mut Object<'_>, provider: &Provider) {
    if provider.issuer.is_none() {
        object.error(
            "issuer",
            "must be given, such as `https://accounts.example.com`",
        );
    }
    for (name, url) in [
        ("authurl", &provider.authurl),
        ("tokenurl", &provider.tokenurl),
        ("apiurl", &provider.apiurl),
    ] {
        if url.is_some() {
            object.error(name, "is for GitHub Enterprise only: other providers publish their endpoints; remove the key");
        }
    }
    if matches!(
        provider.claim_mapping.username.as_deref(),
        Some("preferred_username" | "name" | "nickname")
    ) {
        object.warn("claimMapping", "people choose this claim themselves at many providers (D29): a policy's users could be claimed by others; `sub` or a verified `email` is safer");
    }
}

/// A URL where one is given.
fn url(object: &mut Object<'_>, name: &'static str) -> Option<String> {
    let text = object.text(name)?;
    check_url(object, name, &text);
    Some(text)
}

/// Reports a text that is not a URL, and warns of one without encryption.
pub(super) fn check_url(object: &mut Object<'_>, name: &'static str, text: &str) {
    match HttpUrl::parse(text) {
        Err(error) => object.error(name, error.to_string()),
        Ok(_) if text.to_ascii_lowercase().starts_with("http:") => {
            object.warn(
                name,
                "is not encrypted: `https://` protects codes, tokens and sessions",
            );
        }
        Ok(_) => {}
    }
}
