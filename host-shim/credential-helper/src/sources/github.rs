//! Jobs of GitHub Actions, and of Forgejo.

use crate::environment::Environment;
use crate::http::connect::is_loopback;
use crate::http::text::{encoded, member};
use crate::http::{Call, HttpError};
use crate::source::{GITHUB_TOKEN, GITHUB_URL};
use crate::source_error::SourceError;

const SERVICE: &str = "the token service of GitHub Actions";
const PERMISSION: &str =
    "give the job `permissions: { id-token: write }` (pull requests from forks never get it)";

/// Asks the runner's token service.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn fetch(
    audience: &str,
    environment: &Environment,
) -> Result<String, SourceError> {
    let variable = |name: &str| {
        environment.get(name).ok_or_else(|| SourceError::NotSet {
            variable: name.to_owned(),
            instead: PERMISSION,
        })
    };
    let (url, token) = (variable(GITHUB_URL)?, variable(GITHUB_TOKEN)?);
    let separator = if url.contains('?') { '&' } else { '?' };
    let failed = |error: HttpError| SourceError::Http {
        service: SERVICE,
        advice: match error {
            HttpError::Status {
                status: 401 | 403, ..
            } => ": the job has ended, or has no `permissions: { id-token: write }`",
            _ => "",
        },
        error,
    };
    let call = Call::get(&format!("{url}{separator}audience={}", encoded(audience)))
        .map_err(|_| SourceError::Value {
            variable: GITHUB_URL,
            problem: "is not a URL of https: the runner sets it, and no step may change it",
        })?
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "application/json");
    if !call.is_https() && !is_loopback(call.host()) {
        return Err(SourceError::Value {
            variable: GITHUB_URL,
            problem: "is not a URL of https: the token that authorizes the request would be readable on its way",
        });
    }
    let answer = call.send(environment).await.map_err(failed)?;
    member(&answer, "value").ok_or(SourceError::Answer {
        service: SERVICE,
        what: "`value`",
    })
}
