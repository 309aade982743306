//! A file that a document names, and what it has to hold.

use registry_auth_engine::authn::credential::is_b64token;
use registry_auth_engine::compile::is_certificate;

/// A file that the document names, and that the proxy or the shim reads.
pub(super) struct Named {
    /// The JSON path of its name.
    pub(super) place: String,
    /// The path of the file.
    pub(super) path: String,
    /// What it holds.
    pub(super) content: Content,
}

/// What a file holds.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// PEM text of certificates.
    Certificates,
    /// PEM text with a private key.
    PrivateKey,
    /// A token that an issuer is shown.
    Token,
}

impl Content {
    /// Returns what is wrong with the content of a file.
    pub(super) fn wrong(self, text: &str, path: &str) -> Option<String> {
        let token = text.trim_ascii();
        match self {
            Self::Certificates => {
                (!is_certificate(text)).then(|| "is not the PEM text of a certificate".to_owned())
            }
            Self::PrivateKey => (!text.contains("PRIVATE KEY-----"))
                .then(|| format!("the file `{path}` holds no private key in PEM")),
            Self::Token if token.is_empty() => Some(format!("the file `{path}` is empty")),
            Self::Token => (!is_b64token(token.as_bytes())).then(|| {
                format!("the file `{path}` does not hold one token (RFC 6750 section 2.1)")
            }),
        }
    }
}
