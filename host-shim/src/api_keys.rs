//! `registry-auth keys`: API keys in the store of `serve` and `run`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use registry_auth_people::apikey::{id_of, import};
use registry_auth_people::config::{self, Driver};
use registry_auth_people::store::{Embedded, KeyRecord, Redis, Store};

use crate::clock::wall_clock;
use crate::configuration::value_of;
use crate::people::default_store;

/// How long what a deleted key has made could be accepted at most.
const LIFE: Duration = Duration::from_mins(15);

/// Lists, deletes and imports API keys
///
/// The store is a file, which no running `serve` or `run` may have open, or Redis where the
/// configuration says so.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Lists API keys: user, id, label, how the owner logs in, when it was made, used, and ends
    List {
        #[command(flatten)]
        place: PlaceArguments,
        /// Only those of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Deletes API keys
    Delete {
        #[command(flatten)]
        place: PlaceArguments,
        /// Whose keys
        #[arg(long, value_name = "NAME")]
        user: String,
        /// Only the one with this id; all of the user when absent
        #[arg(long, value_name = "UUID")]
        id: Option<String>,
    },
    /// Imports the keys of a zot, which stay valid as they are
    Import {
        #[command(flatten)]
        place: PlaceArguments,
        /// JSON of zot's tables `UserAPIKeys` and `UserData`
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// How the owners log in: `htpasswd`, `ldap`, `openid:github` ...; a key ends when that
        /// does not know its owner any more
        #[arg(long, value_name = "METHOD")]
        method: String,
    },
}

#[derive(Debug, clap::Args)]
struct PlaceArguments {
    /// The configuration, for one whose `sessionDriver` is Redis
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The file of API keys; when absent `registry-auth.db` in the folder of `STATE_DIRECTORY`, else
    /// in the current one
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    store: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The store or a file cannot be used.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(arguments.command.run())?;
    Ok(ExitCode::SUCCESS)
}

impl Command {
    async fn run(&self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        match self {
            Self::List { place, user } => {
                let keys = place.open(false)?.keys(user.as_deref()).await?;
                for key in &keys {
                    writeln!(out, "{}", line(key))?;
                }
            }
            Self::Delete { place, user, id } => {
                let store = place.open(false)?;
                let mut keys = store.keys(Some(user)).await?;
                if let Some(id) = id {
                    keys.retain(|key| key.details.uuid == *id);
                }
                if keys.is_empty() {
                    bail!("the user has no such key; `registry-auth keys list` prints all");
                }
                for key in &keys {
                    store.delete_key(&key.hash).await?;
                    writeln!(out, "deleted {}", key.details.uuid)?;
                }
                let ids: Vec<String> = keys.iter().map(|key| id_of(&key.details.uuid)).collect();
                store.end(&ids, wall_clock().after(LIFE)).await?;
            }
            Self::Import {
                place,
                from,
                method,
            } => {
                let text = std::fs::read(from)
                    .with_context(|| format!("cannot read `{}`", from.display()))?;
                let keys = import(&text, method, wall_clock())?;
                let store = place.open(true)?;
                let count = keys.len();
                for key in keys {
                    store.put_key(key).await?;
                }
                writeln!(out, "imported {count} API keys")?;
            }
        }
        Ok(())
    }
}

impl PlaceArguments {
    /// Opens the store. A file that is not there is created only by an import.
    fn open(&self, creates: bool) -> anyhow::Result<Arc<dyn Store>> {
        if let Some(path) = &self.config {
            let document = value_of(path)?.map_err(|_| {
                anyhow::anyhow!("the configuration has errors: `registry-auth check` prints them")
            })?;
            let people = config::read(&document).ok().flatten();
            if let Some(Driver::Redis { url, key_prefix }) =
                people.map(|people| people.sessions.driver)
            {
                return Ok(Arc::new(Redis::new(&url, &key_prefix)?));
            }
        }
        let path = self.store.clone().unwrap_or_else(default_store);
        if !creates && !path.exists() {
            bail!(
                "there is no store `{}`: name it by `--store`",
                path.display()
            );
        }
        Ok(Arc::new(Embedded::open(&path)?))
    }
}

/// One key in one line. Labels are of users: no character of theirs moves the cursor.
fn line(key: &KeyRecord) -> String {
    let details = &key.details;
    format!(
        "{}\t{}\t{}\t{}\tmade {}\tused {}\tends {}",
        key.user.escape_debug(),
        details.uuid.escape_debug(),
        details.label.escape_debug(),
        key.source.method,
        details.created_at.escape_debug(),
        details.last_used.escape_debug(),
        details.expiration_date.escape_debug(),
    )
}
