//! Which certificate authorities vouch for an issuer.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::file::{self, FileError};

/// The longest bundle of certificates that is read, bytes.
const MAX_BUNDLE: u64 = 1024 * 1024;

/// Where the certificates of the authorities are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authorities {
    /// Those that the system trusts.
    System,
    /// PEM text, and no others.
    Text(String),
    /// A file with PEM text, and no others. It may be replaced while the shim runs.
    File(PathBuf),
}

/// Why nobody can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrustError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No PEM, or something else in it than certificates that can be used.
    #[error("is not the PEM text of certificates")]
    NotCertificates,
    /// The system has no certificates where they are looked for.
    #[error("the system has no certificate authorities; set SSL_CERT_FILE, or `certificateAuthority`")]
    NoneInSystem,
    /// TLS cannot be set up.
    #[error("{0}")]
    Tls(String),
}

impl Authorities {
    /// Whether they are the operator's choice.
    pub(crate) const fn are_configured(&self) -> bool {
        !matches!(self, Self::System)
    }

    /// TLS that believes these authorities and no others. Reads files.
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

/// Reads PEM text; one certificate that cannot be used refuses it all, as `registry-auth check` does.
fn of_text(text: &[u8]) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(|_| TrustError::NotCertificates)?;
        roots.add(certificate).map_err(|_| TrustError::NotCertificates)?;
    }
    if roots.is_empty() { Err(TrustError::NotCertificates) } else { Ok(roots) }
}

fn of_system() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // Some of a system's certificates are always too old or too odd for webpki.
    let (_added, _ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TrustError::NoneInSystem) } else { Ok(roots) }
}
