//! The pull secret of a service account: looks, plans, and carries it out.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::account::{Account, Listed, Spec};
use crate::call::{Server, Write};
use crate::document;
use crate::held::{Held, Life};
use crate::names::{MANAGED_BY, MANAGER, OWNER, PULL_SECRET, secret_name};
use crate::plan::{CLEARED, Step, plan};
use crate::problem::Problem;
use crate::settings::Settings;
use crate::tokens::{self, For};

/// What there is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    /// Tokens were written.
    Written(Life),
    /// The tokens of before are good.
    Kept(Life),
    /// The tokens were removed.
    Cleared,
    /// There is no Secret, and none is wanted.
    Nothing,
}

/// Returns namespace and name of the accounts whose Secrets may have tokens: of all that are there, from
/// whatever process. Only metadata is read.
///
/// # Errors
/// They cannot be listed.
pub(crate) async fn written_before(server: &Server) -> Result<Vec<(String, String)>, Problem> {
    let label = utf8_percent_encode(MANAGED_BY, NON_ALPHANUMERIC);
    let path = format!("/api/v1/secrets?labelSelector={label}%3D{MANAGER}");
    let listed = server.list_metadata(&path, owner_of_tokens).await;
    listed.map_err(Problem::when("cannot list the Secrets"))
}

fn read(secret: &Value) -> Option<Held> {
    Held::read(secret, PULL_SECRET)
}

fn owner_of_tokens(secret: &Value) -> Option<(String, String)> {
    let metadata = secret.get("metadata")?;
    let written = read(secret)?.spec?;
    let owner = metadata.get("ownerReferences")?.as_array()?.first()?;
    let name = owner.get("name")?.as_str()?;
    let is_ours = owner.get("kind")? == OWNER && metadata.get("name")? == &*secret_name(name);
    let namespace = metadata.get("namespace")?.as_str()?;
    (is_ours && written != CLEARED).then(|| (namespace.to_owned(), name.to_owned()))
}

/// Makes the Secret of an account what it has to be. `namespace` is the value of the label of its
/// namespace; `had` says whether it got a Secret before: without it, nothing is asked for an
/// account that gets none.
///
/// # Errors
/// See [`Problem`]. The tokens of before are still there.
pub(crate) async fn bring(
    server: &Server,
    settings: &Settings,
    account: &Account,
    (namespace, had): (Option<&str>, bool),
    now: i64,
) -> Result<Done, Problem> {
    let spec = account.spec(namespace, settings)?;
    let name = secret_name(&account.name);
    let lists = matches!(account.listed, Listed::At(_));
    if account.is_ending || (spec.is_none() && !had && !lists) {
        return Ok(Done::Nothing);
    }
    let secret = Secret {
        server,
        settings,
        account,
        folder: format!("/api/v1/namespaces/{}/secrets", account.namespace),
        name,
    };
    secret.bring(spec.as_ref(), now).await
}

struct Secret<'a> {
    server: &'a Server,
    settings: &'a Settings,
    account: &'a Account,
    folder: String,
    name: String,
}

impl Secret<'_> {
    async fn bring(&self, spec: Option<&Spec>, now: i64) -> Result<Done, Problem> {
        let path = format!("{}/{}", self.folder, self.name);
        let held = self.server.read(&path).await;
        let held = held.map_err(Problem::when("cannot read the Secret"))?;
        let mut held = held.as_ref().and_then(read);
        let step = plan(spec, held.as_ref(), &self.account.uid, now);
        if step == Step::Create {
            held = Some(self.create().await?);
        }
        let done = match (step, spec, held) {
            (Step::Create | Step::Write, Some(spec), Some(held)) => {
                self.write(&path, spec, &held, now).await?
            }
            (Step::Keep(life), ..) => Done::Kept(life),
            (Step::Clear, _, Some(held)) => {
                self.list(false).await?;
                return self.clear(&path, &held).await;
            }
            (Step::Foreign(why), ..) => {
                return Err(Problem::Foreign {
                    name: self.name.clone(),
                    why,
                });
            }
            (_, _, held) => {
                let ours = held.is_none_or(|held| held.spec.as_deref() == Some(CLEARED));
                if ours {
                    self.list(false).await?;
                }
                return Ok(Done::Nothing);
            }
        };
        self.list(true).await?;
        Ok(done)
    }

    async fn create(&self) -> Result<Held, Problem> {
        let body = document::empty_secret(self.account);
        let made = self.server.write(Write::Create, &self.folder, &body).await;
        let made = made.map_err(Problem::when("cannot create the Secret"))?;
        read(&made).ok_or(Problem::Call {
            what: "cannot create the Secret",
            error: crate::call::CallError::Answer("no Secret"),
        })
    }

    async fn write(&self, path: &str, spec: &Spec, held: &Held, now: i64) -> Result<Done, Problem> {
        let whose = For {
            namespace: &self.account.namespace,
            account: &self.account.name,
            secret: &self.name,
            uid: &held.uid,
        };
        let tokens = tokens::fetch(self.server, whose, spec, now).await?;
        let body = document::full_secret(self.account, spec, held, &tokens);
        self.apply(path, &body).await?;
        Ok(Done::Written(tokens.life))
    }

    async fn clear(&self, path: &str, held: &Held) -> Result<Done, Problem> {
        let body = document::cleared_secret(self.account, held);
        self.apply(path, &body).await?;
        Ok(Done::Cleared)
    }

    /// Fields are taken from other managers: the Secret is ours, in the version that was read.
    async fn apply(&self, path: &str, body: &Value) -> Result<(), Problem> {
        let how = Write::Apply { force: true };
        let written = self.server.write(how, path, body).await;
        written
            .map(drop)
            .map_err(Problem::when("cannot write the Secret"))
    }

    /// Has the Secret in `imagePullSecrets` of the account, or not.
    async fn list(&self, wanted: bool) -> Result<(), Problem> {
        let change = document::pull_secrets(self.account, wanted);
        let Some(change) = change.filter(|_| self.settings.patch_accounts) else {
            return Ok(());
        };
        let Account {
            namespace, name, ..
        } = self.account;
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
        let written = self.server.write(Write::Patch, &path, &change).await;
        written.map(drop).map_err(Problem::when(
            "cannot change imagePullSecrets of the account",
        ))
    }
}
