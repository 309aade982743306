//! Changes of the htpasswd file: who is gone from it is refused at once.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use registry_auth_engine::UnixTime;
use tokio::time::sleep;

use super::LoginService;
use super::gone::Gone;
use super::listen::ServiceSwitch;
use super::methods::clock;
use crate::htpasswd::{Reload, UserFile, Users};
use crate::store::KeyRecord;
use crate::token::{Audience, longest};

/// Time between two readings of the file, and of what other replicas have ended.
const INTERVAL: Duration = Duration::from_millis(500);

/// Reads the htpasswd file of the service, whichever it is at that time, and what other
/// replicas have ended. Runs until it is dropped.
pub async fn watch_users(switch: ServiceSwitch) {
    let mut last: Option<(Arc<LoginService>, _)> = None;
    let mut gone = Gone::default();
    loop {
        sleep(INTERVAL).await;
        let Some((service, path)) = switch.now() else {
            continue;
        };
        let refreshed = service.ended.refresh(clock()).await;
        if service.state.set_store_failing(refreshed.is_err()) {
            if let Err(error) = &refreshed {
                tracing::warn!(%error, "what other replicas have ended is not known");
            } else {
                tracing::info!("the store of logins answers");
            }
        }
        let Some(path) = path else {
            continue;
        };
        // Before the file is read: what changes meanwhile is seen the next time.
        let now = signature(&path);
        let is_read = last.as_ref().is_some_and(|(of, before)| {
            // Another service may have read the file before the last change.
            Arc::ptr_eq(of, &service) && *before == now
        });
        if !is_read {
            service.reload_users(&path, clock()).await;
        }
        if let Err(error) = service.forget_gone(&mut gone, !is_read, clock()).await {
            tracing::debug!(%error, "API keys of users who are gone are not deleted yet");
        }
        last = Some((service, now));
    }
}

fn signature(path: &Path) -> Option<(u64, u64, u64, i64, i64)> {
    let file = std::fs::metadata(path).ok()?;
    let (dev, ino, len) = (file.dev(), file.ino(), file.len());
    Some((dev, ino, len, file.mtime(), file.mtime_nsec()))
}

/// Reads a file, and waits for no pipe.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() {
        std::fs::read(path)
    } else {
        Err(std::io::Error::other(
            "it is a pipe or a device, and not a file",
        ))
    }
}

impl LoginService {
    pub(super) async fn reload_users(&self, path: &Path, now: UnixTime) {
        let file = path.display();
        let read = read(path).map_err(|error| error.to_string());
        match self.login.reload_users(read) {
            None => {}
            Some(Reload::Kept { why }) => {
                tracing::error!(%file, why, "the htpasswd file cannot be read: the users of before stay");
            }
            Some(Reload::Taken {
                users,
                findings,
                mut ended,
            }) => {
                for finding in findings {
                    tracing::warn!(%file, "{finding}");
                }
                tracing::info!(%file, users, ended = ended.len(), "read the htpasswd file");
                let (there, gone) = self.keys_of_file().await;
                ended.extend(gone);
                let there = [self.lines(), there].concat();
                if let Err(error) = self.ended.revive(&there, now).await {
                    tracing::warn!(%error, "other replicas do not know yet who is in the htpasswd file again");
                }
                let until = now.after(2 * longest(Audience::Session));
                if let Err(error) = self.ended.end(&ended, until, now).await {
                    tracing::warn!(%error, "other replicas do not know yet who is gone from the htpasswd file");
                }
            }
        }
    }

    /// The ids of all lines of the file.
    fn lines(&self) -> Vec<String> {
        let file = self.login.users().map(Users::file);
        file.map_or_else(Vec::new, |file| UserFile::parse(b"").ended_since(&file))
    }

    /// The ids of API keys whose owners log in by the file: of those whom it has, and of the others.
    async fn keys_of_file(&self) -> (Vec<String>, Vec<String>) {
        let Some(store) = &self.store else {
            return (Vec::new(), Vec::new());
        };
        let keys = store.keys(None).await.unwrap_or_default().into_iter();
        let keys = keys.filter(|key| key.source.method == "htpasswd");
        let (there, gone): (Vec<_>, Vec<_>) =
            keys.partition(|key| self.login.is_reserved(&key.user));
        let ids = |keys: Vec<KeyRecord>| {
            let ids = keys
                .iter()
                .map(|key| crate::apikey::id_of(&key.details.uuid));
            ids.collect()
        };
        (ids(there), ids(gone))
    }
}
