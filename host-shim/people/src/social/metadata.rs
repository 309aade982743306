//! What a login needs of a provider's discovery document (`OpenID` Connect Discovery 1.0 section 3).

use registry_auth_engine::json;
use registry_auth_engine::keys::discovery::Discovery;
use registry_auth_engine::url::{HttpUrl, UrlError};
use serde_json::{Map, Value};

use super::error::{Reason, SocialError};

/// How a provider takes the secret of a client (RFC 8414 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretForm {
    /// In the header field `Authorization`, and in the form if that is refused.
    Either,
    /// In the header field only.
    Basic,
    /// In the form.
    Post,
}

/// The document, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Keys and algorithms.
    pub discovery: Discovery,
    /// Where people are asked.
    pub authorization_endpoint: HttpUrl,
    /// Where codes are exchanged.
    pub token_endpoint: HttpUrl,
    /// Where more claims are, if anywhere.
    pub userinfo_endpoint: Option<HttpUrl>,
    /// Where a session at the provider is ended, as it is written.
    pub end_session_endpoint: Option<String>,
    /// Whether each answer to an authorization request says whose it is (RFC 9207 section 3).
    pub names_issuer_in_answers: bool,
    /// How a secret is sent.
    pub secret_form: SecretForm,
}

impl Metadata {
    /// Reads the document of `issuer`.
    ///
    /// # Errors
    /// [`Reason::ProviderAnswer`]: it is no document of this issuer, or lacks an endpoint; an
    /// endpoint without TLS although the issuer has TLS.
    pub fn parse(document: &[u8], issuer: &str) -> Result<Self, SocialError> {
        let discovery = Discovery::parse(document, issuer)
            .map_err(|error| Reason::ProviderAnswer.because(error))?;
        let Ok(Value::Object(members)) = json::parse(json::without_mark(document)) else {
            return Err(Reason::ProviderAnswer.into());
        };
        let secure = issuer.starts_with("https:");
        let optional = |name| endpoint(&members, name, secure);
        let needed = |name| {
            optional(name)?.ok_or_else(|| {
                Reason::ProviderAnswer.because(format_args!("the discovery document has no {name}"))
            })
        };
        Ok(Self {
            discovery,
            authorization_endpoint: needed("authorization_endpoint")?,
            token_endpoint: needed("token_endpoint")?,
            userinfo_endpoint: optional("userinfo_endpoint")?,
            end_session_endpoint: text(&members, "end_session_endpoint").map(str::to_owned),
            names_issuer_in_answers: members.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            secret_form: secret_form(members.get("token_endpoint_auth_methods_supported")),
        })
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = members.get(name).and_then(Value::as_str);
    text.filter(|text| !text.is_empty())
}

fn endpoint(
    members: &Map<String, Value>,
    name: &str,
    secure: bool,
) -> Result<Option<HttpUrl>, SocialError> {
    let Some(text) = text(members, name) else {
        return Ok(None);
    };
    let wrong = |how: &dyn std::fmt::Display| {
        Reason::ProviderAnswer.because(format_args!("{name} of the discovery document {how}"))
    };
    let url = HttpUrl::parse(text).map_err(|error: UrlError| wrong(&error))?;
    if secure && !url.is_https() {
        return Err(wrong(&"is without https"));
    }
    Ok(Some(url))
}

/// Without a list, `client_secret_basic` is what a provider takes (Discovery 1.0 section 3); many
/// take only the form all the same.
fn secret_form(methods: Option<&Value>) -> SecretForm {
    let Some(Value::Array(methods)) = methods else {
        return SecretForm::Either;
    };
    let has = |name: &str| methods.iter().any(|method| method == name);
    match (has("client_secret_basic"), has("client_secret_post")) {
        (true, false) => SecretForm::Basic,
        (false, true) => SecretForm::Post,
        _ => SecretForm::Either,
    }
}
