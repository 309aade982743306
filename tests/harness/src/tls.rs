//! TLS of clients with certificates, and of issuers. `tests/fixtures/certificates/README.md` says
//! what each of them is.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig,
    StreamOwned, SupportedProtocolVersion,
};

use crate::module;

/// The host name in the certificate of the listeners.
const SERVER: &str = "registry.test";

/// Where the certificates are.
#[must_use]
pub fn folder() -> PathBuf {
    module::workspace().join("tests/fixtures/certificates")
}

/// The PEM text of a certificate.
///
/// # Errors
/// There is none of that name.
pub fn pem(name: &str) -> Result<String> {
    fs::read_to_string(folder().join(name).with_extension("pem"))
        .with_context(|| format!("no certificate `{name}`"))
}

/// A TLS connection to a listener, with the client certificate of this PEM text if there is one.
///
/// # Errors
/// The handshake fails, or a certificate is none.
pub fn connect(
    socket: TcpStream,
    certificate: Option<&str>,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    connect_as(&client(certificate, ALL_VERSIONS)?, socket)
}

/// A TLS connection to a server at 127.0.0.1 whose authorities are in a file of PEM.
///
/// # Errors
/// As [`connect`].
pub fn connect_trusting(
    mut socket: TcpStream,
    authorities: &Path,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authorities)? {
        roots.add(certificate?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerName::try_from("127.0.0.1")?;
    let mut connection = ClientConnection::new(Arc::new(config), server)?;
    while connection.is_handshaking() {
        connection
            .complete_io(&mut socket)
            .context("the handshake failed")?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// Returns, for each version of TLS, whether a second connection to a listener, with the same
/// certificate, resumes the session of the first, on which `request` was answered.
///
/// # Errors
/// As [`connect`], or there is no answer.
pub fn resumptions(address: SocketAddr, certificate: &str, request: &[u8]) -> Result<Vec<bool>> {
    let mut resumptions = Vec::new();
    for version in ALL_VERSIONS {
        let config = client(Some(certificate), &[version])?;
        let mut last = None;
        for _ in 0..2 {
            let mut stream = connect_as(&config, TcpStream::connect(address)?)?;
            stream.write_all(request)?;
            stream.read_exact(&mut [0; 12])?;
            last = stream.conn.handshake_kind();
        }
        resumptions.push(last == Some(HandshakeKind::Resumed));
    }
    Ok(resumptions)
}

fn client(
    certificate: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder().join("server.pem"))?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config
        .with_protocol_versions(versions)?
        .with_root_certificates(roots);
    Ok(Arc::new(match certificate {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let certificate = CertificateDer::from_pem_slice(pem.as_bytes())?;
            let key = PrivateKeyDer::from_pem_file(folder().join("client.key.pem"))?;
            config.with_client_auth_cert(vec![certificate], key)?
        }
    }))
}

fn connect_as(
    config: &Arc<ClientConfig>,
    mut socket: TcpStream,
) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let server = ServerName::try_from(SERVER)?;
    let mut connection = ClientConnection::new(Arc::clone(config), server)?;
    while connection.is_handshaking() {
        connection
            .complete_io(&mut socket)
            .context("the handshake failed")?;
    }
    Ok(StreamOwned::new(connection, socket))
}

/// TLS of an issuer with a private authority, `issuer-ca`.
///
/// # Errors
/// A certificate is missing, or is none.
pub fn issuer() -> Result<ServerConfig> {
    serving("issuer")
}

/// TLS of a server that shows the certificate of this name.
///
/// # Errors
/// There is none of that name, or it has no key.
pub fn serving(name: &str) -> Result<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    let file = |ending: &str| folder().join(format!("{name}.{ending}"));
    let certificate = CertificateDer::from_pem_file(file("pem"))?;
    Ok(config.with_single_cert(
        vec![certificate],
        PrivateKeyDer::from_pem_file(file("key.pem"))?,
    )?)
}
