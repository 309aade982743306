//! The document in the container: without what only zot reads, and with no file of this host.

use registry_auth_engine::config::ConfigError;
use serde_json::Value;

use super::Settings;
use crate::complete::{kept, members};
use crate::completed::Completed;

/// Where the token and the authorities of the service account are mounted.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/";
/// Members of an entry that name files.
const FILES: [&str; 2] = ["tokenFile", "certificateAuthorityFile"];
/// Members of `http` that `registry-auth run` reads and the filter does not.
const LISTENER: [&str; 4] = ["address", "port", "tls", "externalUrl"];

/// Returns the document without the sections that only zot reads, which may hold credentials, and
/// with the text of `cert`, whose file is not in the container.
pub(super) fn document(policy: &Value, completed: &Completed) -> Value {
    let mut document = kept::of(policy);
    let written = members::get(policy, "http");
    if let Some(http) = members::object(&mut document, "http") {
        for name in LISTENER {
            if let Some(value) = written.and_then(|http| members::get(http, name)) {
                members::set(http, name, value.clone());
            }
        }
    }
    let cert = bearer(&completed.filter).and_then(|bearer| members::get(bearer, "cert"));
    let http = members::object(&mut document, "http");
    let auth = http.and_then(|http| member(http, "auth"));
    let target = auth.and_then(|auth| member(auth, "bearer"));
    if let (Some(cert), Some(bearer)) = (cert, target) {
        members::set(bearer, "cert", cert.clone());
    }
    document
}

/// Finds files that are not in the container.
pub(super) fn check(policy: &Value, settings: &Settings, found: &mut Vec<ConfigError>) {
    let mut error = |path: String, message: &str| {
        found.push(ConfigError {
            path,
            message: message.to_owned(),
        });
    };
    let auth = members::get(policy, "http").and_then(|http| members::get(http, "auth"));
    let has_mtls = auth.is_some_and(|auth| members::get(auth, "mtls").is_some());
    if has_mtls && settings.client_ca_key.is_none() {
        let message = "must be given, with --tls-secret: http.auth.mtls needs the authorities of the certificates of clients";
        error("--client-ca-key".to_owned(), message);
    }
    for (index, entry) in entries(policy) {
        for name in FILES {
            let path = members::get(entry, name).and_then(Value::as_str);
            if path.is_some_and(|path| !path.is_empty() && !path.starts_with(ACCOUNT)) {
                error(
                    format!("http.auth.bearer.oidc[{index}].{name}"),
                    "is a file that is not in the container: use the chart, which mounts Secrets, or for authorities write their text as `certificateAuthority`",
                );
            }
        }
    }
}

/// Finds entries whose keys are fetched with the service account, where that is not mounted.
pub(super) fn check_account(completed: &Completed, settings: &Settings) -> Option<ConfigError> {
    let reads_account = |entry: &Value| {
        FILES.iter().any(|name| {
            let path = members::get(entry, name).and_then(Value::as_str);
            path.is_some_and(|path| path.starts_with(ACCOUNT))
        })
    };
    let (index, _) = entries(&completed.filter).find(|(_, entry)| reads_account(entry))?;
    (!settings.token).then(|| ConfigError {
        path: "--token".to_owned(),
        message: format!(
            "must be given: http.auth.bearer.oidc[{index}] reads the token and the authorities of the service account"
        ),
    })
}

/// Returns the entries of issuers, of which zot's loader takes a single one without its list.
fn entries(document: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let oidc = bearer(document).and_then(|bearer| members::get(bearer, "oidc"));
    let single = oidc.filter(|entry| entry.is_object());
    let all = oidc.and_then(Value::as_array).into_iter().flatten();
    all.chain(single).enumerate()
}

fn bearer(document: &Value) -> Option<&Value> {
    let auth = members::get(members::get(document, "http")?, "auth")?;
    members::get(auth, "bearer")
}

fn member<'a>(
    object: &'a mut serde_json::Map<String, Value>,
    name: &str,
) -> Option<&'a mut serde_json::Map<String, Value>> {
    let written = members::key(object, name)?.to_owned();
    object.get_mut(&written)?.as_object_mut()
}
