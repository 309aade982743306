//! The metadata server of Azure. It gives no ID token but an access token for an application, whose
//! audience it is.

use crate::environment::Environment;
use crate::http::text::{encoded, member};
use crate::http::{Call, HttpError};
use crate::source_error::SourceError;

const SERVICE: &str = "the metadata server of Azure";
/// A metadata server in place of that of the machine.
const OTHER: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const ADDRESS: &str = "http://169.254.169.254";

/// Asks for a token of the managed identity.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn fetch(
    audience: &str,
    client_id: Option<&str>,
    environment: &Environment,
) -> Result<String, SourceError> {
    let failed = |error: HttpError| SourceError::Http {
        service: SERVICE,
        advice: match error {
            HttpError::Status { status: 400, .. } => {
                ": `audience` has to be the application ID URI of an app registration of the tenant, and the machine needs a managed identity"
            }
            HttpError::Timeout | HttpError::Unreachable(_) => ": is this a machine of Azure?",
            _ => "",
        },
        error,
    };
    let address = environment
        .get(OTHER)
        .unwrap_or(ADDRESS)
        .trim_end_matches('/');
    let identity = client_id.map_or_else(String::new, |id| format!("&client_id={}", encoded(id)));
    let url = format!(
        "{address}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}{identity}",
        encoded(audience)
    );
    let call = Call::get(&url).map_err(failed)?.header("metadata", "true");
    let answer = call.send(environment).await.map_err(failed)?;
    member(&answer, "access_token").ok_or(SourceError::Answer {
        service: SERVICE,
        what: "`access_token`",
    })
}
