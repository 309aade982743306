//! The certificate authorities that are trusted for an issuer.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::file::{self, FileError};

/// The longest file of certificates that is read, in bytes.
const MAX_BUNDLE: u64 = 1024 * 1024;

/// Where the trusted certificates come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authorities {
    /// The trust store of the system.
    System,
    /// PEM text.
    Text(String),
    /// A file with PEM text. It may be replaced while the shim runs.
    File(PathBuf),
}

/// Why the certificate authorities cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrustError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The text is not PEM, or has anything but usable certificates.
    #[error("is not the PEM text of certificates")]
    NotCertificates,
    /// The trust store of the system was not found, or is empty.
    #[error(
        "the system has no certificate authorities; set SSL_CERT_FILE, or `certificateAuthority`"
    )]
    NoneInSystem,
    /// The TLS library refuses its configuration.
    #[error("{0}")]
    Tls(String),
}

impl Authorities {
    /// Returns true if the configuration names them.
    pub(crate) const fn are_configured(&self) -> bool {
        !matches!(self, Self::System)
    }

    /// Returns a TLS configuration that trusts these authorities and no others. Reads files.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub(crate) fn client_config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let roots = match self {
            Self::System => of_system()?,
            Self::Text(text) => of_text(text.as_bytes())?,
            Self::File(path) => of_text(&file::read(path, MAX_BUNDLE)?)?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// Reads PEM text. One unusable certificate is an error, as in `registry-auth check`.
fn of_text(text: &[u8]) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|_| TrustError::NotCertificates)?;
        roots
            .add(certificate)
            .map_err(|_| TrustError::NotCertificates)?;
    }
    if roots.is_empty() {
        Err(TrustError::NotCertificates)
    } else {
        Ok(roots)
    }
}

fn of_system() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // webpki rejects some certificates of most systems: ignore those.
    let (_added, _ignored) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        Err(TrustError::NoneInSystem)
    } else {
        Ok(roots)
    }
}
