//! Certificates that Envoy shows to others. It shows one that has expired without a word, and every
//! client refuses it.

use std::time::SystemTime;

use registry_auth_engine::config::ConfigError;
use registry_auth_render::{Completed, Files};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Checks that none has expired.
///
/// # Errors
/// Those that have, under the key or option that names them.
pub(crate) fn check(completed: &Completed, files: &impl Files) -> Result<(), Vec<ConfigError>> {
    let listener = completed.listener.tls.iter();
    let listener = listener.map(|tls| ("http.tls.cert", &tls.certificate));
    let upstream = completed.upstream.tls.iter();
    let upstream = upstream.filter_map(|tls| Some(("--upstream-cert", tls.certificate.as_ref()?)));
    let now = SystemTime::now();
    let errors: Vec<_> = listener
        .chain(upstream)
        .filter_map(|(place, certificate)| {
            // One that cannot be read is reported already.
            let text = String::from_utf8(files.read(&certificate.chain).ok()?).ok()?;
            let end = expired(&text, now)?;
            Some(ConfigError {
                path: place.to_owned(),
                message: format!(
                    "the certificate in `{}` has expired: {end}",
                    certificate.chain
                ),
            })
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
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
}
