//! Calls of the token service.

use hyper::Method;

use super::SERVICE;
use super::signature::{Credentials, FORM, Form, headers};
use crate::clock::now;
use crate::environment::Environment;
use crate::http::text::encoded;
use crate::http::{Call, HttpError};
use crate::source_error::SourceError;

/// How long a token is good for, in seconds.
const LIFE: u32 = 300;

/// Returns a token for an audience.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn web_identity_token(
    audience: &str,
    region: &str,
    credentials: &Credentials,
    environment: &Environment,
) -> Result<String, SourceError> {
    let body = format!(
        "Action=GetWebIdentityToken&Version=2011-06-15&Audience.member.1={}&SigningAlgorithm=ES384&DurationSeconds={LIFE}",
        encoded(audience)
    );
    let mut call = post(region, body, environment)?;
    let form = Form {
        host: call.authority(),
        region,
        body: &call.body,
        now: now(),
    };
    let signed = headers(&form, credentials);
    call.headers.extend(signed);
    let answer = call.send(environment).await.map_err(failed)?;
    element(&answer, "WebIdentityToken")
}

/// Returns the credentials of a role that the holder of a token of the cluster may take.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn assume_role(
    (role, session): (&str, &str),
    token: &str,
    region: &str,
    environment: &Environment,
) -> Result<Credentials, SourceError> {
    let body = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
        encoded(role),
        encoded(session),
        encoded(token)
    );
    let call = post(region, body, environment)?;
    let answer = call.send(environment).await.map_err(failed)?;
    Ok(Credentials {
        access_key: element(&answer, "AccessKeyId")?,
        secret_key: element(&answer, "SecretAccessKey")?,
        session_token: Some(element(&answer, "SessionToken")?),
    })
}

fn post(region: &str, body: String, environment: &Environment) -> Result<Call, SourceError> {
    let names = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];
    let other = names.into_iter().find_map(|name| environment.get(name));
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let url = other.map_or_else(
        || format!("https://sts.{region}.{domain}/"),
        |url| format!("{}/", url.trim_end_matches('/')),
    );
    let mut call = Call::new(Method::POST, &url).map_err(failed)?;
    call.body = body;
    Ok(call.header("content-type", FORM))
}

fn failed(error: HttpError) -> SourceError {
    let code = match &error {
        HttpError::Status {
            code: Some(code), ..
        } => code.as_str(),
        _ => "",
    };
    let advice = match code {
        "OutboundWebIdentityFederationDisabledException"
        | "OutboundWebIdentityFederationDisabled" => {
            ": enable outbound web identity federation for the account"
        }
        "AccessDenied" | "AccessDeniedException" => {
            ": allow the role `sts:GetWebIdentityToken` for this audience"
        }
        "ExpiredToken" | "ExpiredTokenException" => ": the credentials of AWS have expired",
        "InvalidClientTokenId" | "SignatureDoesNotMatch" => {
            ": check the credentials of AWS, and the clock of this machine"
        }
        _ => "",
    };
    SourceError::Http {
        service: SERVICE,
        error,
        advice,
    }
}

/// Returns the text of the only element of this name.
fn element(answer: &str, name: &'static str) -> Result<String, SourceError> {
    let missing = SourceError::Answer {
        service: SERVICE,
        what: name,
    };
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let mut parts = answer.split(&begin).skip(1);
    let text = parts.next().and_then(|rest| rest.split_once(&end));
    match (text, parts.next()) {
        // An entity would have to be decoded; none of these has characters that need one.
        (Some((text, _)), None) if !text.is_empty() && !text.contains(['<', '&']) => {
            Ok(text.to_owned())
        }
        _ => Err(missing),
    }
}
