//! The kubelet's credential provider (`credentialprovider.kubelet.k8s.io/v1`, KEP-4412): the token of
//! the pod's service account becomes the password. No network, no file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::server::host_of;
use crate::settings::is_username;
use crate::token::{Token, TokenError};

/// The version of request and response; it is the one that knows service accounts.
pub const API_VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";
/// The annotation of a service account with the user name.
pub const ANNOTATION: &str = "registry-auth.dev/username";
/// The annotation of a service account that takes part. Where the configuration of the kubelet asks for
/// it, it asks for its name only.
pub const PULL: &str = "registry-auth.dev/pull";
/// The variable with the user name of all others.
pub const USERNAME: &str = "REGISTRY_AUTH_USERNAME";
/// The user name where none is written.
const DEFAULT_USERNAME: &str = "kubelet";
/// The longest value that a message shows, in characters.
const SHOWN: usize = 60;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    service_account_token: String,
    #[serde(default)]
    service_account_annotations: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    kind: &'static str,
    api_version: &'static str,
    cache_key_type: &'static str,
    cache_duration: &'static str,
    auth: BTreeMap<&'a str, Auth<'a>>,
}

#[derive(Serialize)]
struct Auth<'a> {
    username: &'a str,
    password: &'a str,
}

/// Why there is no response. No message holds a part of a token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KubeletError {
    /// The request cannot be read.
    #[error(
        "stdin has no CredentialProviderRequest of {API_VERSION}: write this `apiVersion` for the provider in the CredentialProviderConfig"
    )]
    Request,
    /// The image names no registry.
    #[error("`image` of the request names no registry")]
    Image,
    /// The user name cannot be used.
    #[error(
        "`{0}` is not a user name: any name, without `:` and control characters, but `<token>`"
    )]
    Username(&'static str),
    /// The token is not good for the registry.
    #[error(
        "{registry}: {error}: write it as `serviceAccountTokenAudience`, and the same as `--audience`"
    )]
    Audience {
        /// The registry.
        registry: String,
        /// Its audiences.
        error: TokenError,
    },
    /// The token is not good at all.
    #[error("{registry}: {error}")]
    Token {
        /// The registry.
        registry: String,
        /// What is wrong.
        error: TokenError,
    },
    /// The response cannot be written.
    #[error("the response cannot be written")]
    Response,
}

/// What the kubelet gets, and what is said of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The response.
    pub response: String,
    /// A line for the log, where there are no credentials although there is a token.
    pub note: Option<String>,
}

/// Answers a request of the kubelet. The token has to be for `audience`, or when absent for the
/// registry of the image; `now` is in seconds since 1970. An account whose annotation [`PULL`] has
/// another value than `true` gets no credentials: the kubelet goes on without any.
///
/// # Errors
/// See [`KubeletError`]: the kubelet goes on without these credentials.
pub fn answer(
    request: &str,
    audience: Option<&str>,
    environment: &Environment,
    now: i64,
) -> Result<Answer, KubeletError> {
    let request: Request = serde_json::from_str(request).map_err(|_| KubeletError::Request)?;
    if request.api_version != API_VERSION || request.kind != "CredentialProviderRequest" {
        return Err(KubeletError::Request);
    }
    let registry = host_of(&request.image);
    if registry.is_empty() {
        return Err(KubeletError::Image);
    }
    let mut auth = BTreeMap::new();
    let token = request.service_account_token.as_str();
    let annotations = request.service_account_annotations.as_ref();
    let note = opted_out(annotations, &registry).filter(|_| !token.is_empty());
    if !token.is_empty() && note.is_none() {
        let checked = Token::check(token, audience.unwrap_or(&registry), now);
        checked.map_err(|error| refusal(registry.clone(), error))?;
        let username = username(annotations, environment)?;
        auth.insert(
            registry.as_str(),
            Auth {
                username,
                password: token,
            },
        );
    }
    let response = Response {
        kind: "CredentialProviderResponse",
        api_version: API_VERSION,
        cache_key_type: "Registry",
        // A cached answer may outlive the token.
        cache_duration: "0s",
        auth,
    };
    let response = serde_json::to_string(&response).map_err(|_| KubeletError::Response)?;
    Ok(Answer { response, note })
}

/// Returns what is said of an account that takes no part.
fn opted_out(annotations: Option<&BTreeMap<String, String>>, registry: &str) -> Option<String> {
    let value = annotations?.get(PULL).filter(|value| *value != "true")?;
    let shown: String = value.chars().take(SHOWN).collect();
    Some(format!(
        "{registry}: no credentials: the annotation {PULL} of the service account is `{}`: write \"true\", or \"false\" for none",
        shown.escape_debug()
    ))
}

fn refusal(registry: String, error: TokenError) -> KubeletError {
    match error {
        TokenError::Audience { .. } => KubeletError::Audience { registry, error },
        error => KubeletError::Token { registry, error },
    }
}

fn username<'a>(
    annotations: Option<&'a BTreeMap<String, String>>,
    environment: &'a Environment,
) -> Result<&'a str, KubeletError> {
    let annotation = annotations.and_then(|annotations| annotations.get(ANNOTATION));
    let (name, place) = match (annotation, environment.get(USERNAME)) {
        (Some(name), _) => (name.as_str(), ANNOTATION),
        (None, Some(name)) => (name, USERNAME),
        (None, None) => (DEFAULT_USERNAME, USERNAME),
    };
    if is_username(name) {
        Ok(name)
    } else {
        Err(KubeletError::Username(place))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::token::tests::token;

    const NOW: i64 = 1_000;

    fn request(members: &Value) -> String {
        let mut request = json!({
            "kind": "CredentialProviderRequest", "apiVersion": API_VERSION, "image": "registry.example.com/team/app",
        });
        for (name, value) in members.as_object().unwrap() {
            request[name] = value.clone();
        }
        request.to_string()
    }

    fn of(audience: &Value, exp: i64) -> String {
        token(&json!({"aud": audience, "exp": exp, "sub": "tops3cret"}))
    }

    #[test]
    fn the_answer_has_the_bytes_that_the_kubelet_reads() {
        let token = of(&json!(["registry.example.com"]), 9_999);
        let annotations = json!({"registry-auth.dev/pull": "true"});
        let request = request(
            &json!({"serviceAccountToken": token, "serviceAccountAnnotations": annotations}),
        );
        let environment = Environment::new(&[], Path::new("/"));
        let expected = format!(
            r#"{{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"Registry","cacheDuration":"0s","auth":{{"registry.example.com":{{"username":"kubelet","password":"{token}"}}}}}}"#
        );
        let found = answer(&request, None, &environment, NOW).unwrap();
        assert_eq!((found.response, found.note), (expected, None));
    }

    /// The rows: members of the request, the audience of the command, the variable with the user
    /// name, and the `auth` of the answer or the message.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of rows")]
    fn a_request_gets_the_token_or_a_line_that_says_why_not() {
        let registry = json!("registry.example.com");
        let good = of(&registry, 9_999);
        let with = |name: &str| json!({"serviceAccountToken": good, "serviceAccountAnnotations": {(ANNOTATION): name}});
        let pull = |value: &str| json!({"serviceAccountToken": good, "serviceAccountAnnotations": {(PULL): value}});
        let rows = [
            (json!({}), None, "", "{}"),
            (
                json!({"serviceAccountToken": "", "serviceAccountAnnotations": null}),
                None,
                "",
                "{}",
            ),
            (json!({"somethingNew": 1}), None, "", "{}"),
            (
                json!({"serviceAccountToken": good}),
                None,
                "",
                "registry.example.com kubelet",
            ),
            (
                json!({"serviceAccountToken": good}),
                None,
                "node",
                "registry.example.com node",
            ),
            (with("team"), None, "node", "registry.example.com team"),
            (pull("true"), None, "", "registry.example.com kubelet"),
            (
                pull("false"),
                None,
                "",
                "registry.example.com: no credentials: the annotation registry-auth.dev/pull of the service account is `false`: write",
            ),
            (
                pull(""),
                None,
                "",
                "registry.example.com: no credentials: the annotation registry-auth.dev/pull of the service account is ``",
            ),
            (
                pull("True\n"),
                None,
                "",
                r"registry.example.com: no credentials: the annotation registry-auth.dev/pull of the service account is `True\n`",
            ),
            (
                json!({"serviceAccountAnnotations": {(PULL): "no"}}),
                None,
                "",
                "{}",
            ),
            (
                with("a:b"),
                None,
                "",
                "`registry-auth.dev/username` is not a user name",
            ),
            (
                with(""),
                None,
                "",
                "`registry-auth.dev/username` is not a user name",
            ),
            (
                json!({"serviceAccountToken": good}),
                None,
                "<token>",
                "`REGISTRY_AUTH_USERNAME` is not",
            ),
            (
                json!({"serviceAccountToken": good, "image": "Mirror.example.com:8443/a"}),
                Some("registry.example.com"),
                "",
                "mirror.example.com:8443 kubelet",
            ),
            (
                json!({"serviceAccountToken": good, "image": "mirror.example.com/a"}),
                None,
                "",
                "mirror.example.com: the token is for the audience `registry.example.com`, not for the audience `mirror.example.com`: write it as",
            ),
            (
                json!({"serviceAccountToken": of(&registry, 999)}),
                None,
                "",
                "registry.example.com: the token ended 1 s ago",
            ),
            (
                json!({"serviceAccountToken": "tops3cret"}),
                None,
                "",
                "registry.example.com: what it gave is not a JWT",
            ),
            (
                json!({"image": ""}),
                None,
                "",
                "`image` of the request names no registry",
            ),
            (
                json!({"apiVersion": "credentialprovider.kubelet.k8s.io/v1beta1"}),
                None,
                "",
                "stdin has no CredentialProviderRequest of",
            ),
            (
                json!({"kind": "CredentialProviderResponse"}),
                None,
                "",
                "stdin has no CredentialProviderRequest of",
            ),
            (
                json!({"serviceAccountToken": 7}),
                None,
                "",
                "stdin has no CredentialProviderRequest of",
            ),
        ];
        for (members, audience, variable, expected) in rows {
            let environment = Environment::new(&[(USERNAME, variable)], Path::new("/"));
            let found = match answer(&request(&members), audience, &environment, NOW) {
                Ok(Answer { response, note }) => {
                    let response: Value = serde_json::from_str(&response).unwrap();
                    let auth = response["auth"].as_object().unwrap().iter().next();
                    let nobody = note.unwrap_or_else(|| "{}".to_owned());
                    auth.map_or(nobody, |(registry, auth)| {
                        assert_eq!(auth["password"], *good);
                        format!("{registry} {}", auth["username"].as_str().unwrap())
                    })
                }
                Err(error) => error.to_string(),
            };
            assert!(found.starts_with(expected), "{members}: {found}");
            assert!(!found.contains("tops3cret") && !found.contains('\n'));
        }
    }
}
