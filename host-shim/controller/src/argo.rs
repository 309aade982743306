//! Repository Secrets of Argo CD that have the label of the controller: their user names and
//! passwords, and nothing else of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_auth_credential_helper::server::host_of;
use serde_json::Value;

use crate::account::Spec;
use crate::call::{CallError, Server, Write};
use crate::document;
use crate::held::{Held, Life};
use crate::names::{ARGO_PREFIX, ARGO_REPOSITORY, ARGO_TYPE, OPT_IN};
use crate::problem::Problem;
use crate::pull_secret::Done;
use crate::registry::shown;
use crate::settings::{Argo, Settings};
use crate::tokens::{self, For};

/// A repository Secret, as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// Its name.
    pub(crate) name: String,
    /// Its metadata.
    pub(crate) held: Held,
    /// The kind of repository that it is for Argo CD; empty for none.
    pub(crate) kind: String,
}

/// Lists the Secrets with the label.
///
/// # Errors
/// They cannot be listed.
pub(crate) async fn list(server: &Server, argo: &Argo) -> Result<Vec<Repository>, Problem> {
    let path = format!(
        "/api/v1/namespaces/{}/secrets?labelSelector={OPT_IN}%3Dtrue",
        argo.namespace
    );
    let listed = server.list_metadata(&path).await;
    let listed = listed.map_err(Problem::when("cannot list the Secrets of Argo CD"))?;
    let items = listed
        .as_ref()
        .and_then(|list| list.get("items")?.as_array());
    Ok(items.into_iter().flatten().filter_map(read).collect())
}

fn read(object: &Value) -> Option<Repository> {
    let metadata = object.get("metadata")?;
    let kind = metadata.get("labels")?.get(ARGO_TYPE);
    let kind = kind.and_then(Value::as_str).unwrap_or_default();
    Some(Repository {
        name: metadata.get("name")?.as_str()?.to_owned(),
        held: Held::read(object)?,
        kind: kind.to_owned(),
    })
}

/// Writes a token into a repository Secret unless there is a good one. `known` is the version that
/// this process has left behind: another one may be for another registry.
///
/// # Errors
/// See [`Problem`]. What was there is there still.
pub(crate) async fn bring(
    server: &Server,
    settings: &Settings,
    argo: &Argo,
    repository: &Repository,
    known: Option<&str>,
    now: i64,
) -> Result<(Done, String), Problem> {
    let Repository { name, held, .. } = repository;
    let problem = |text: String| Err(Problem::Repository(format!("{name}: {text}")));
    if ![ARGO_REPOSITORY, ARGO_PREFIX].contains(&&*repository.kind) {
        return problem(format!(
            "the label {ARGO_TYPE} is missing: write `repository` or `repo-creds`, or remove {OPT_IN}"
        ));
    }
    if let Some(life) = held.life(now)
        && known == Some(&*held.resource_version)
    {
        return Ok((Done::Kept(life), held.resource_version.clone()));
    }
    let path = format!("/api/v1/namespaces/{}/secrets/{name}", argo.namespace);
    let object = server.read(&path).await;
    let object = object.map_err(Problem::when("cannot read the Secret"))?;
    let Some(url) = object.as_ref().and_then(url) else {
        return problem("it has no `url`: write that of the registry".to_owned());
    };
    let host = host_of(&url);
    // Argo CD compares beginnings of URLs: that of a host alone is that of other hosts too.
    let rest = url.split_once("://").map_or(&*url, |(_, rest)| rest);
    let has_path = rest
        .split_once('/')
        .is_some_and(|(_, path)| !path.is_empty());
    if repository.kind == ARGO_PREFIX && !has_path {
        return problem(format!(
            "`url` of a `{ARGO_PREFIX}` needs a path after the host: write `oci://HOST/PATH/`"
        ));
    }
    let Some(registry) = settings.registry(&host) else {
        return problem(format!(
            "`{}` is not a registry of the controller: have the operator add `--registry`",
            shown(&host)
        ));
    };
    let spec = Spec {
        registries: vec![registry.clone()],
        username: settings.username.clone(),
        lifetime: settings.lifetime,
    };
    write(server, argo, repository, &path, &spec, now).await
}

async fn write(
    server: &Server,
    argo: &Argo,
    Repository { name, held, .. }: &Repository,
    path: &str,
    spec: &Spec,
    now: i64,
) -> Result<(Done, String), Problem> {
    if let Some(life) = held.life(now)
        && held.spec.as_deref() == Some(&*spec.hash())
    {
        return Ok((Done::Kept(life), held.resource_version.clone()));
    }
    let whose = For {
        namespace: &argo.namespace,
        account: &argo.account,
        secret: name,
        uid: &held.uid,
    };
    let tokens = tokens::fetch(server, whose, spec, now).await?;
    let body = document::repository(&argo.namespace, name, held, spec, &tokens);
    // Without force: a password that somebody else manages is not ours to change.
    let how = Write::Apply { force: false };
    let written = server.write(how, path, &body).await;
    let written = written.map_err(|error| refused(name, error))?;
    let version = Held::read(&written).map(|held| held.resource_version);
    let life = Life {
        expires: tokens.expires,
        renew: tokens.renew,
    };
    Ok((Done::Written(life), version.unwrap_or_default()))
}

fn refused(name: &str, error: CallError) -> Problem {
    let is_owned = |message: &str| message.contains("conflict with");
    match &error {
        CallError::Refused {
            status: 409,
            message,
            ..
        } if is_owned(message) => Problem::Repository(format!(
            "{name}: `username` or `password` is managed by somebody else: remove both from what writes the Secret{message}"
        )),
        _ => Problem::when("cannot write the Secret")(error),
    }
}

fn url(object: &Value) -> Option<String> {
    let text = object.get("data")?.get("url")?.as_str()?;
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}
