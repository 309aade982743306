//! The token service of AWS: `GetWebIdentityToken`, signed with the credentials of the workload.

mod credentials;
mod document;
mod instance;
mod signature;
mod sts;

use crate::environment::Environment;
use crate::source_error::SourceError;

const SERVICE: &str = "the token service of AWS";
/// Where a region may come from, but for variables, as messages name it.
const SETTING: &str = "the region of the source `aws`";
const INSTANCE: &str = "the region that the metadata server names";

/// Asks the token service of the region.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn fetch(
    audience: &str,
    region: Option<&str>,
    environment: &Environment,
) -> Result<String, SourceError> {
    let written = region.map(|region| (SETTING, region));
    let (whose, region) = match written.or_else(|| of_environment(environment)) {
        Some((whose, region)) => (whose, region.to_owned()),
        None => (INSTANCE, instance::region(environment).await?),
    };
    let is_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || !region.bytes().all(is_region) {
        return Err(SourceError::Value {
            variable: whose,
            problem: "is not a region: write one such as eu-central-1",
        });
    }
    let credentials = credentials::find(&region, environment).await?;
    sts::web_identity_token(audience, &region, &credentials, environment).await
}

/// Returns a region, and the variable that has it.
fn of_environment(environment: &Environment) -> Option<(&'static str, &str)> {
    let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    let mut set = names
        .into_iter()
        .filter_map(|name| Some((name, environment.get(name)?)));
    set.next()
}
