//! The metadata server of Google Cloud: VMs, GKE, Cloud Run.

use crate::environment::Environment;
use crate::http::text::encoded;
use crate::http::{Call, HttpError};
use crate::source::GCE_HOST;
use crate::source_error::SourceError;

const SERVICE: &str = "the metadata server of Google Cloud";
const HOST: &str = "metadata.google.internal";

/// Asks for the identity of the service account.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn fetch(
    audience: &str,
    environment: &Environment,
) -> Result<String, SourceError> {
    let failed = |error: HttpError| SourceError::Http {
        service: SERVICE,
        advice: match error {
            HttpError::Status { status: 404, .. } => ": give the VM or the pod a service account",
            HttpError::Timeout | HttpError::Unreachable(_) => {
                ": is this a machine of Google Cloud?"
            }
            _ => "",
        },
        error,
    };
    let host = environment.get(GCE_HOST).unwrap_or(HOST);
    let url = format!(
        "http://{host}/computeMetadata/v1/instance/service-accounts/default/identity?audience={}&format=full",
        encoded(audience)
    );
    let call = Call::get(&url).map_err(failed)?;
    let call = call.header("metadata-flavor", "Google");
    call.send(environment).await.map_err(failed)
}
