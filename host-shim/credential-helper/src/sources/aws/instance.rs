//! The metadata service of an instance, version 2.

use hyper::Method;

use super::document::of_document;
use super::signature::Credentials;
use crate::environment::Environment;
use crate::http::{Call, HttpError};
use crate::source_error::SourceError;

const SERVICE: &str = "the metadata service of AWS";
const ADDRESS: &str = "http://169.254.169.254";
/// How long the session with the service lasts, in seconds.
const SESSION: &str = "60";

/// Returns the region of the instance.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn region(environment: &Environment) -> Result<String, SourceError> {
    let session = session(environment).await?;
    let region = get("/latest/meta-data/placement/region", &session, environment).await?;
    Ok(region.trim().to_owned())
}

/// Returns the credentials of the role of the instance.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn credentials(environment: &Environment) -> Result<Credentials, SourceError> {
    let session = session(environment).await?;
    let folder = "/latest/meta-data/iam/security-credentials/";
    let roles = get(folder, &session, environment).await?;
    let role = roles
        .lines()
        .next()
        .map(str::trim)
        .filter(|role| !role.is_empty());
    let role = role.ok_or(SourceError::Answer {
        service: SERVICE,
        what: "role",
    })?;
    let document = get(&format!("{folder}{role}"), &session, environment).await?;
    of_document(&document, SERVICE)
}

async fn session(environment: &Environment) -> Result<String, SourceError> {
    if environment.get("AWS_EC2_METADATA_DISABLED") == Some("true") {
        return Err(SourceError::NotSet {
            variable: "AWS_REGION or AWS_ACCESS_KEY_ID".to_owned(),
            instead: "set them, since AWS_EC2_METADATA_DISABLED is true",
        });
    }
    let url = format!("{}/latest/api/token", address(environment));
    let call = Call::new(Method::PUT, &url).map_err(failed)?;
    let call = call.header("x-aws-ec2-metadata-token-ttl-seconds", SESSION);
    call.send(environment).await.map_err(failed)
}

async fn get(path: &str, session: &str, environment: &Environment) -> Result<String, SourceError> {
    let call = Call::get(&format!("{}{path}", address(environment))).map_err(failed)?;
    let call = call.header("x-aws-ec2-metadata-token", session);
    call.send(environment).await.map_err(failed)
}

fn address(environment: &Environment) -> &str {
    let other = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    other.unwrap_or(ADDRESS).trim_end_matches('/')
}

fn failed(error: HttpError) -> SourceError {
    SourceError::Http {
        service: SERVICE,
        advice: match error {
            HttpError::Status { status: 404, .. } => ": give the instance a role",
            HttpError::Timeout | HttpError::Unreachable(_) => {
                ": set AWS_REGION and credentials where this is not an instance"
            }
            _ => "",
        },
        error,
    }
}
