//! The client certificate that is explained.

use std::path::Path;

use anyhow::Context as _;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// What a block of PEM with a certificate is called (RFC 7468 section 5).
const LABEL: &str = "CERTIFICATE";

/// Returns the first certificate of a PEM text, and a line about it. The others of a chain, and a
/// key in the same file, are not read.
///
/// # Errors
/// There is none.
pub(super) fn read(text: &str, path: &Path) -> anyhow::Result<(String, String)> {
    let name = path.display();
    let blocks = pem::parse_many(text).with_context(|| format!("`{name}` is not PEM text"))?;
    let block = blocks.into_iter().find(|block| block.tag() == LABEL);
    let block = block
        .with_context(|| format!("`{name}` holds no certificate: give the client's, in PEM"))?;
    let certificate = Certificate::from_der(block.contents())
        .ok()
        .with_context(|| format!("the certificate in `{name}` cannot be read"))?;
    let tbs = certificate.tbs_certificate();
    let subject = tbs.subject().to_string();
    let about = format!(
        "the certificate has the subject `{}` and ends {}; nobody has verified it: the proxy does, with its `cacert`",
        subject.escape_debug(),
        tbs.validity().not_after
    );
    Ok((pem::encode(&block), about))
}
