//! Where the credentials of a workload in AWS are: variables, a token of the cluster, the container,
//! the instance.

use std::path::Path;

use super::document::of_document;
use super::signature::Credentials;
use super::{instance, sts};
use crate::environment::{Environment, read};
use crate::http::connect::is_loopback;
use crate::http::{Call, HttpError};
use crate::source_error::SourceError;

const SERVICE: &str = "the credentials of the container";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
/// Where containers get credentials: ECS, and EKS by its two addresses.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

/// Returns the first credentials that are there.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn find(
    region: &str,
    environment: &Environment,
) -> Result<Credentials, SourceError> {
    if let Some(credentials) = of_variables(environment)? {
        return Ok(credentials);
    }
    let role = environment.get("AWS_ROLE_ARN");
    if let (Some(file), Some(role)) = (environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"), role) {
        let token = read(Path::new(file))?;
        let session = environment
            .get("AWS_ROLE_SESSION_NAME")
            .unwrap_or("registry-auth");
        return sts::assume_role((role, session), token.trim(), region, environment).await;
    }
    match container(environment)? {
        Some(call) => {
            let failed = |error: HttpError| SourceError::Http {
                service: SERVICE,
                error,
                advice: "",
            };
            of_document(&call.send(environment).await.map_err(failed)?, SERVICE)
        }
        None => instance::credentials(environment).await,
    }
}

fn of_variables(environment: &Environment) -> Result<Option<Credentials>, SourceError> {
    let Some(access_key) = environment.get("AWS_ACCESS_KEY_ID") else {
        return Ok(None);
    };
    let secret_key =
        environment
            .get("AWS_SECRET_ACCESS_KEY")
            .ok_or_else(|| SourceError::NotSet {
                variable: "AWS_SECRET_ACCESS_KEY".to_owned(),
                instead: "AWS_ACCESS_KEY_ID is set and needs it",
            })?;
    Ok(Some(Credentials {
        access_key: access_key.to_owned(),
        secret_key: secret_key.to_owned(),
        session_token: environment.get("AWS_SESSION_TOKEN").map(str::to_owned),
    }))
}

/// Returns the request for the credentials of a container; `None` if this is not one.
fn container(environment: &Environment) -> Result<Option<Call>, SourceError> {
    let url = match (environment.get(RELATIVE), environment.get(FULL)) {
        (Some(path), _) => format!("http://169.254.170.2{path}"),
        (None, Some(url)) => url.to_owned(),
        (None, None) => return Ok(None),
    };
    let call = Call::get(&url).ok().filter(|call| {
        call.is_https() || is_loopback(call.host()) || CONTAINER_HOSTS.contains(&call.host())
    });
    let call = call.ok_or(SourceError::Value {
        variable: FULL,
        problem: "is neither a URL of https nor one of the container's own services",
    })?;
    let authorization = match environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(read(Path::new(file))?),
        None => environment
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(str::to_owned),
    };
    Ok(Some(match authorization {
        Some(value) => call.header("authorization", value.trim()),
        None => call,
    }))
}
