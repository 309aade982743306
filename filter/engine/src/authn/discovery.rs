//! The `OpenID` Provider configuration document (`OpenID` Connect Discovery 1.0 sections 3 and 4).

use serde_json::Value;

use crate::authn::algorithm::Algorithm;
use crate::json;
use crate::url::HttpUrl;

/// Where the document is, below the issuer.
pub const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// The largest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;

/// What the filter needs of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Where the keys are.
    pub jwks_uri: HttpUrl,
    /// Algorithms that the issuer signs with, as far as they are ours.
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
    /// `jwks_uri` is missing or no plain http(s) URL.
    #[error("the discovery document has no usable jwks_uri")]
    NoJwksUri,
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
        let Ok(Value::Object(members)) = json::parse(document) else { return Err(DiscoveryError::NotAnObject) };
        if members.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(DiscoveryError::OtherIssuer);
        }
        let jwks_uri = members.get("jwks_uri").and_then(Value::as_str).and_then(HttpUrl::parse);
        let jwks_uri = jwks_uri.ok_or(DiscoveryError::NoJwksUri)?;
        if !jwks_uri.is_https() && HttpUrl::parse(issuer).is_none_or(|issuer| issuer.is_https()) {
            return Err(DiscoveryError::InsecureJwksUri);
        }
        let algorithms = announced(members.get("id_token_signing_alg_values_supported"));
        if algorithms.is_empty() { Err(DiscoveryError::NoAlgorithm) } else { Ok(Self { jwks_uri, algorithms }) }
    }
}

/// RS256 is what an issuer must support (section 3) and what is assumed when it names none.
fn announced(value: Option<&Value>) -> Vec<Algorithm> {
    match value {
        Some(Value::Array(names)) if !names.is_empty() => {
            names.iter().filter_map(Value::as_str).filter_map(Algorithm::from_name).collect()
        }
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
        let rows: [(&str, &str, Result<usize, DiscoveryError>); 12] = [
            (https, r#"{"issuer":"https://i.example","jwks_uri":"https://i.example/k"}"#, Ok(1)),
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
            (https, r#"{"jwks_uri":"https://i.example/k"}"#, Err(DiscoveryError::OtherIssuer)),
            (
                https,
                r#"{"issuer":"https://i.example","issuer":"https://i.example","jwks_uri":"https://i.example/k"}"#,
                Err(DiscoveryError::NotAnObject),
            ),
            (https, r#"{"issuer":"https://i.example"}"#, Err(DiscoveryError::NoJwksUri)),
            (
                https,
                r#"{"issuer":"https://i.example","jwks_uri":"file:///etc/passwd"}"#,
                Err(DiscoveryError::NoJwksUri),
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
            let found = Discovery::parse(document.as_bytes(), issuer).map(|document| document.algorithms.len());
            assert_eq!(found, wanted, "{document}");
        }
        assert_eq!(Discovery::parse(&vec![b' '; MAX_DOCUMENT + 1], https), Err(DiscoveryError::TooLarge));
    }
}
