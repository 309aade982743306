//! The `OpenID` Provider configuration document (`OpenID` Connect Discovery 1.0 sections 3 and 4).

use serde_json::Value;

use crate::json;
use crate::keys::algorithm::Algorithm;
use crate::url::{HttpUrl, UrlError};

/// Where the document is, below the issuer.
pub const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;

/// What the filter needs of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Where the keys are.
    pub jwks_uri: HttpUrl,
    /// Algorithms that the issuer signs with, as far as they are supported.
    pub algorithms: Vec<Algorithm>,
}

/// Why a document is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("the discovery document is too large")]
    TooLarge,
    /// Not a JSON object.
    #[error("the discovery document is not a JSON object")]
    NotAnObject,
    /// `issuer` is missing or another than the configured one, compared exactly (section 4.3).
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    /// `jwks_uri` is missing or no text.
    #[error("the discovery document has no jwks_uri")]
    NoJwksUri,
    /// `jwks_uri` is no URL that is fetched from.
    #[error("the jwks_uri of the discovery document {0}")]
    JwksUri(#[source] UrlError),
    /// `jwks_uri` is http while the issuer is https.
    #[error("the discovery document has a jwks_uri without https")]
    InsecureJwksUri,
    /// None of the announced algorithms is supported.
    #[error("the discovery document announces no algorithm that is supported")]
    NoAlgorithm,
}

impl Discovery {
    /// Reads a document fetched for `issuer`.
    ///
    /// # Errors
    /// See [`DiscoveryError`].
    pub fn parse(document: &[u8], issuer: &str) -> Result<Self, DiscoveryError> {
        if document.len() > MAX_DOCUMENT {
            return Err(DiscoveryError::TooLarge);
        }
        let Ok(Value::Object(members)) = json::parse(json::without_mark(document)) else {
            return Err(DiscoveryError::NotAnObject);
        };
        if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(DiscoveryError::OtherIssuer);
        }
        let jwks_uri = members
            .get("jwks_uri")
            .and_then(Value::as_str)
            .ok_or(DiscoveryError::NoJwksUri)?;
        let jwks_uri = HttpUrl::parse(jwks_uri).map_err(DiscoveryError::JwksUri)?;
        if !jwks_uri.is_https() && !HttpUrl::parse(issuer).is_ok_and(|issuer| !issuer.is_https()) {
            return Err(DiscoveryError::InsecureJwksUri);
        }
        let algorithms = announced(members.get("id_token_signing_alg_values_supported"));
        if algorithms.is_empty() {
            Err(DiscoveryError::NoAlgorithm)
        } else {
            Ok(Self {
                jwks_uri,
                algorithms,
            })
        }
    }
}

/// RS256 is what an issuer must support (section 3) and what is assumed when it names none.
fn announced(value: Option<&Value>) -> Vec<Algorithm> {
    match value {
        Some(Value::Array(names)) if !names.is_empty() => names
            .iter()
            .filter_map(Value::as_str)
            .filter_map(Algorithm::from_name)
            .collect(),
        _ => vec![Algorithm::Rs256],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_taken_only_if_it_is_the_issuers_own() {
        let https = "https://i.example";
        let http = "http://i.example";
        let rows: [(&str, &str, Result<usize, DiscoveryError>); 19] = [
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/k"}"#,
                Ok(1),
            ),
            (
                http,
                r#"{"issuer":"http://i.example","jwks_uri":"http://10.0.0.1:6443/k","id_token_signing_alg_values_supported":["none","HS256","ES256","PS512"]}"#,
                Ok(2),
            ),
            (
                https,
                r#"{"issuer":"https://i.example/","jwks_uri":"https://i.example/k"}"#,
                Err(DiscoveryError::OtherIssuer),
            ),
            (
                https,
                r#"{"issuer":["https://i.example"],"jwks_uri":"https://i.example/k"}"#,
                Err(DiscoveryError::OtherIssuer),
            ),
            (
                https,
                r#"{"jwks_uri":"https://i.example/k"}"#,
                Err(DiscoveryError::OtherIssuer),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","issuer":"https://i.example","jwks_uri":"https://i.example/k"}"#,
                Err(DiscoveryError::NotAnObject),
            ),
            (
                https,
                r#"{"issuer":"https://i.example"}"#,
                Err(DiscoveryError::NoJwksUri),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"file:///etc/passwd"}"#,
                Err(DiscoveryError::JwksUri(UrlError::NotHttp)),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":null}"#,
                Err(DiscoveryError::NoJwksUri),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"https://i.example@evil.example/k"}"#,
                Err(DiscoveryError::JwksUri(UrlError::UserInfo)),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/k#x"}"#,
                Err(DiscoveryError::JwksUri(UrlError::Fragment)),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/v1/k@j?appid=6731de76"}"#,
                Ok(1),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/k","id_token_signing_alg_values_supported":["Ed25519","Ed448","ESP256"]}"#,
                Ok(1),
            ),
            (
                https,
                "\u{feff}{\"issuer\":\"https://i.example\",\"jwks_uri\":\"https://i.example/k\"}",
                Ok(1),
            ),
            (
                "https://accounts.google.com",
                r#"{"issuer":"accounts.google.com","jwks_uri":"https://i.example/k"}"#,
                Err(DiscoveryError::OtherIssuer),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"http://i.example/k"}"#,
                Err(DiscoveryError::InsecureJwksUri),
            ),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/k","id_token_signing_alg_values_supported":["HS256"]}"#,
                Err(DiscoveryError::NoAlgorithm),
            ),
            (https, "<html>", Err(DiscoveryError::NotAnObject)),
            (https, "[]", Err(DiscoveryError::NotAnObject)),
        ];
        for (issuer, document, wanted) in rows {
            let found = Discovery::parse(document.as_bytes(), issuer)
                .map(|document| document.algorithms.len());
            assert_eq!(found, wanted, "{document}");
        }
        let document = r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/v1/k@j?appid=6731de76&x=/"}"#;
        let found = Discovery::parse(document.as_bytes(), https).unwrap();
        assert_eq!(found.jwks_uri.target(), "/v1/k@j?appid=6731de76&x=/");
        assert_eq!(
            Discovery::parse(&vec![b' '; MAX_DOCUMENT + 1], https),
            Err(DiscoveryError::TooLarge)
        );
    }
}
