//! Certificates and keys that Envoy reads by itself. It goes on with the old ones, or with none, when
//! they do not fit, and shows one that has expired without a word.

use std::time::SystemTime;

use registry_auth_engine::compile::is_certificate;
use registry_auth_engine::config::ConfigError;
use registry_auth_render::{Certificate as Pair, Completed, Files, Trust};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Checks that each can be used: its key belongs to it, it has not expired, and the authorities of
/// the registry are there.
///
/// # Errors
/// Those that cannot, under the key or option that names them.
pub(crate) fn check(completed: &Completed, files: &impl Files) -> Result<(), Vec<ConfigError>> {
    let mut errors = Vec::new();
    let mut error = |place: &str, message: String| {
        errors.push(ConfigError {
            path: place.to_owned(),
            message,
        });
    };
    if let Some(tls) = &completed.listener.tls
        && let Err(message) = usable(&tls.certificate, files)
    {
        error("http.tls.cert", message);
    }
    if let Some(tls) = &completed.upstream.tls {
        if let Trust::File(path) = &tls.trust
            && let Err(message) = authorities(path, files)
        {
            error("--upstream-ca", message);
        }
        let pair = tls.certificate.as_ref();
        if let Some(Err(message)) = pair.map(|pair| usable(pair, files)) {
            error("--upstream-cert", message);
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Puts the authorities of client certificates into the listener. What they are and who may do what
/// go live together then, and connections that others vouched for come to an end.
///
/// # Errors
/// They cannot be read.
pub(crate) fn embed(completed: &mut Completed, files: &impl Files) -> Result<(), Vec<ConfigError>> {
    if let Some(tls) = &mut completed.listener.tls
        && let Some(path) = &tls.client_authorities
    {
        let found = authorities(path, files).map_err(|message| ConfigError {
            path: "http.tls.cacert".to_owned(),
            message,
        });
        tls.client_authorities_text = Some(found.map_err(|error| vec![error])?);
    }
    Ok(())
}

fn text(path: &str, files: &impl Files) -> Result<String, String> {
    let bytes = files
        .read(path)
        .map_err(|error| format!("cannot read `{path}`: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("the file `{path}` is not text"))
}

fn authorities(path: &str, files: &impl Files) -> Result<String, String> {
    let found = text(path, files)?;
    if is_certificate(&found) {
        Ok(found)
    } else {
        Err(format!(
            "the file `{path}` is not the PEM text of certificates"
        ))
    }
}

/// Returns what is wrong with a certificate and its key. No message holds a part of either.
fn usable(pair: &Pair, files: &impl Files) -> Result<(), String> {
    let (chain, key) = (text(&pair.chain, files)?, text(&pair.key, files)?);
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<_, _>>()
        .ok()
        .filter(|all: &Vec<_>| !all.is_empty())
        .ok_or_else(|| {
            format!(
                "the file `{}` is not the PEM text of certificates",
                pair.chain
            )
        })?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .ok()
        .and_then(|key| default_provider().key_provider.load_private_key(key).ok())
        .ok_or_else(|| {
            format!(
                "the private key in `{}` cannot be used: it must be PEM, not encrypted",
                pair.key
            )
        })?;
    if CertifiedKey::new(certificates, key).keys_match().is_err() {
        return Err(format!(
            "the private key in `{}` is not that of the certificate in `{}`",
            pair.key, pair.chain
        ));
    }
    match expired(&chain, SystemTime::now()) {
        Some(end) => Err(format!(
            "the certificate in `{}` has expired: {end}",
            pair.chain
        )),
        None => Ok(()),
    }
}

/// Returns the end of the first certificate of a PEM text, that of the server or client itself, if
/// it is before `now`.
fn expired(text: &str, now: SystemTime) -> Option<String> {
    let blocks = pem::parse_many(text).ok()?;
    let first = blocks.iter().find(|block| block.tag() == "CERTIFICATE")?;
    let certificate = Certificate::from_der(first.contents()).ok()?;
    let end = certificate.tbs_certificate().validity().not_after;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (end.to_unix_duration() < now).then(|| end.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_certificate_expires_after_its_end() {
        let text = include_str!("../../../tests/fixtures/certificates/server.pem");
        // The year 2126.
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(expired(text, at(1_800_000_000)), None);
        let end = expired(text, at(5_000_000_000)).unwrap();
        assert!(end.starts_with("2126-"), "{end}");
        assert_eq!(expired("", at(5_000_000_000)), None);
        assert_eq!(
            expired(&text.replace("CERTIFICATE", "X"), at(5_000_000_000)),
            None
        );
    }

    /// Each row: the certificate, the key, and what is wrong.
    #[test]
    fn a_certificate_goes_with_its_own_key() {
        let folder = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/certificates/"
        );
        let rows = [
            ("server.pem", "server.key.pem", ""),
            (
                "server.pem",
                "client.key.pem",
                "is not that of the certificate",
            ),
            ("server.pem", "server.pem", "cannot be used"),
            ("server.key.pem", "server.key.pem", "is not the PEM text"),
            ("server.pem", "none", "cannot read"),
            ("none", "server.key.pem", "cannot read"),
        ];
        for (chain, key, wrong) in rows {
            let pair = Pair {
                chain: format!("{folder}{chain}"),
                key: format!("{folder}{key}"),
            };
            let result = usable(&pair, &crate::disk::Disk).err().unwrap_or_default();
            assert!(result.contains(wrong), "{chain}, {key}: {result}");
            assert_eq!(
                result.is_empty(),
                wrong.is_empty(),
                "{chain}, {key}: {result}"
            );
        }
        for (file, wrong) in [
            ("ca.pem", ""),
            ("none", "cannot read"),
            ("ca.key.pem", "PEM text"),
        ] {
            let result = authorities(&format!("{folder}{file}"), &crate::disk::Disk);
            let result = result.err().unwrap_or_default();
            assert!(result.contains(wrong), "{file}: {result}");
            assert_eq!(result.is_empty(), wrong.is_empty(), "{file}: {result}");
        }
    }
}
