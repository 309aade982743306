//! Repository Secrets of Argo CD that have the label of the controller: their user names and
//! passwords, and nothing else of them.

use serde_json::Value;

use crate::account::Spec;
use crate::call::{CallError, Server, Write};
use crate::document;
use crate::held::Held;
use crate::names::{ARGO_TYPE, OPT_IN, REPOSITORY};
use crate::problem::Problem;
use crate::pull_secret::Done;
use crate::registry::shown;
use crate::repository::registry;
use crate::settings::{Argo, Settings};
use crate::tokens::{self, For};

/// A repository Secret, as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repository {
    /// Its name.
    pub(crate) name: String,
    /// Its metadata.
    pub(crate) held: Held,
    /// The kind of Secret that it is for Argo CD; empty for none.
    pub(crate) kind: String,
    /// The value of the label that opts in.
    pub(crate) opt_in: Option<String>,
}

impl Repository {
    /// Whether it asks for a token, rightly or not.
    fn asks(&self) -> bool {
        self.opt_in.as_deref().is_some_and(|value| value != "false")
    }
}

/// Lists the Secrets with the label, and those with tokens of ours that have lost it.
///
/// # Errors
/// They cannot be listed.
pub(crate) async fn list(server: &Server, argo: &Argo) -> Result<Vec<Repository>, Problem> {
    let path = format!("/api/v1/namespaces/{}/secrets", argo.namespace);
    let listed = server.list_metadata(&path, read).await;
    listed.map_err(Problem::when("cannot list the Secrets of Argo CD"))
}

fn read(object: &Value) -> Option<Repository> {
    let metadata = object.get("metadata")?;
    let label = |name: &str| metadata.get("labels")?.get(name)?.as_str();
    let held = Held::read(object, REPOSITORY)?;
    // The pull secret of an account in this namespace is another matter.
    let has_tokens = held.spec.is_some() && !held.is_managed;
    let repository = Repository {
        name: metadata.get("name")?.as_str()?.to_owned(),
        held,
        kind: label(ARGO_TYPE).unwrap_or_default().to_owned(),
        opt_in: label(OPT_IN).map(str::to_owned),
    };
    (repository.asks() || has_tokens).then_some(repository)
}

/// Writes a token into a repository Secret unless there is a good one, or removes it from one that no
/// longer asks, or that is wrong: by the labels of the version that is written over. `known` is the version that this process has left behind: another
/// one may be for another registry.
///
/// # Errors
/// See [`Problem`]. If the Secret is wrong, there is no token of ours in it.
pub(crate) async fn bring(
    server: &Server,
    settings: &Settings,
    argo: &Argo,
    repository: &Repository,
    known: Option<&str>,
    now: i64,
) -> Result<(Done, String), Problem> {
    let Repository { name, held, .. } = repository;
    let path = format!("/api/v1/namespaces/{}/secrets/{name}", argo.namespace);
    let secret = Secret {
        server,
        argo,
        name,
        path: &path,
    };
    if !repository.asks() {
        return secret.clear(held).await;
    }
    if let Some(life) = held.life(now, settings.lifetime)
        && known == Some(&*held.resource_version)
    {
        return Ok((Done::Kept(life), held.resource_version.clone()));
    }
    let object = server.read(&path).await;
    let object = object.map_err(Problem::when("cannot read the Secret"))?;
    // Its labels may be others than those that were listed.
    let read = object.as_ref().and_then(read);
    let (Some(object), Some(repository)) = (object, read) else {
        return Ok((Done::Nothing, String::new()));
    };
    let held = &repository.held;
    if !repository.asks() {
        return secret.clear(held).await;
    }
    match wanted(&repository, &object, settings) {
        Ok(spec) => secret.write(held, &spec, now).await,
        Err(problem) => {
            secret.clear(held).await?;
            Err(Problem::Repository(format!("{name}: {problem}")))
        }
    }
}

/// Returns what the Secret gets a token for, or what is wrong with it.
fn wanted(repository: &Repository, object: &Value, settings: &Settings) -> Result<Spec, String> {
    let label = repository.opt_in.as_deref().unwrap_or_default();
    if label != "true" {
        let label = shown(label);
        return Err(format!(
            "the label {OPT_IN} is `{label}`: write \"true\" or \"false\""
        ));
    }
    let registry = registry(&repository.kind, object, settings)?;
    Ok(Spec {
        registries: vec![registry.clone()],
        username: settings.username.clone(),
        lifetime: settings.lifetime,
    })
}

struct Secret<'a> {
    server: &'a Server,
    argo: &'a Argo,
    name: &'a str,
    path: &'a str,
}

impl Secret<'_> {
    async fn write(&self, held: &Held, spec: &Spec, now: i64) -> Result<(Done, String), Problem> {
        if let Some(life) = held.good(spec, now) {
            return Ok((Done::Kept(life), held.resource_version.clone()));
        }
        let whose = For {
            namespace: &self.argo.namespace,
            account: &self.argo.account,
            secret: self.name,
            uid: &held.uid,
        };
        let tokens = tokens::fetch(self.server, whose, spec, now).await?;
        let body = document::repository(&self.argo.namespace, self.name, held, spec, &tokens);
        let version = self.apply(&body).await?;
        Ok((Done::Written(tokens.life), version))
    }

    /// Removes what is ours.
    async fn clear(&self, held: &Held) -> Result<(Done, String), Problem> {
        if held.spec.is_none() {
            return Ok((Done::Nothing, held.resource_version.clone()));
        }
        let body = document::cleared_repository(&self.argo.namespace, self.name, held);
        let version = self.apply(&body).await?;
        Ok((Done::Cleared, version))
    }

    /// Writes, and returns the version that is there then.
    async fn apply(&self, body: &Value) -> Result<String, Problem> {
        // Without force: a password that somebody else manages is not ours to change.
        let how = Write::Apply { force: false };
        let written = self.server.write(how, self.path, body).await;
        let written = written.map_err(|error| refused(self.name, error))?;
        let version = Held::read(&written, REPOSITORY).map(|held| held.resource_version);
        Ok(version.unwrap_or_default())
    }
}

fn refused(name: &str, error: CallError) -> Problem {
    if error.is_owned() {
        return Problem::Repository(format!(
            "{name}: `username` or `password` is managed by somebody else: remove both from what writes the Secret: {error}"
        ));
    }
    Problem::when("cannot write the Secret")(error)
}
