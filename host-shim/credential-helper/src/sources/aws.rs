//! The token service of AWS: `GetWebIdentityToken`, signed with the credentials of the workload.

mod credentials;
mod document;
mod instance;
mod signature;
mod sts;

use crate::environment::Environment;
use crate::source_error::SourceError;

const SERVICE: &str = "the token service of AWS";

/// Asks the token service of the region.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn fetch(
    audience: &str,
    region: Option<&str>,
    environment: &Environment,
) -> Result<String, SourceError> {
    let region = match region.or_else(|| of_environment(environment)) {
        Some(region) => region.to_owned(),
        None => instance::region(environment).await?,
    };
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || !region.bytes().all(is_region) {
        return Err(SourceError::Value {
            variable: "AWS_REGION",
            problem: "is not a region: write one such as eu-central-1",
        });
    }
    let credentials = credentials::find(&region, environment).await?;
    sts::web_identity_token(audience, &region, &credentials, environment).await
}

fn of_environment(environment: &Environment) -> Option<&str> {
    let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    names.into_iter().find_map(|name| environment.get(name))
}
