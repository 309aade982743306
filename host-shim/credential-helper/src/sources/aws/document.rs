//! Credentials as services of AWS write them.

use serde_json::Value;

use super::signature::Credentials;
use crate::source_error::SourceError;

/// Reads credentials as the services of containers and instances write them.
///
/// # Errors
/// A member is missing.
pub(super) fn of_document(text: &str, service: &'static str) -> Result<Credentials, SourceError> {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let member = |what: &'static str| {
        let text = document.get(what).and_then(Value::as_str);
        text.map(str::to_owned)
            .ok_or(SourceError::Answer { service, what })
    };
    Ok(Credentials {
        access_key: member("AccessKeyId")?,
        secret_key: member("SecretAccessKey")?,
        session_token: Some(member("Token")?),
    })
}
