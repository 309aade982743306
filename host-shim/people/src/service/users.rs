//! Changes of the htpasswd file: who is gone from it is refused at once.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use registry_auth_engine::UnixTime;
use tokio::time::sleep;

use super::LoginService;
use super::listen::ServiceSwitch;
use super::methods::clock;
use crate::htpasswd::Reload;
use crate::token::{Audience, longest};

/// Time between two looks at the file, and at what other replicas have ended.
const INTERVAL: Duration = Duration::from_millis(500);

/// Looks at the htpasswd file of the service, whichever it is at that time, and at what other
/// replicas have ended. Runs until it is dropped.
pub async fn watch_users(switch: ServiceSwitch) {
    let mut last = None;
    let mut failing = false;
    loop {
        sleep(INTERVAL).await;
        let Some((service, path)) = switch.now() else {
            continue;
        };
        let refreshed = service.ended.refresh(clock()).await;
        if refreshed.is_err() != failing {
            failing = refreshed.is_err();
            match &refreshed {
                Err(error) => tracing::warn!(%error, "what other replicas have ended is not known"),
                Ok(()) => tracing::info!("the store of logins answers"),
            }
        }
        let Some(path) = path else {
            continue;
        };
        let now = signature(&path);
        match &last {
            Some((known, before)) if *known == path => {
                if *before != now {
                    service.reload_users(&path, clock()).await;
                }
            }
            _ => {}
        }
        last = Some((path, now));
    }
}

fn signature(path: &Path) -> Option<(u64, u64, u64, i64, i64)> {
    let file = std::fs::metadata(path).ok()?;
    let (dev, ino, len) = (file.dev(), file.ino(), file.len());
    Some((dev, ino, len, file.mtime(), file.mtime_nsec()))
}

impl LoginService {
    pub(super) async fn reload_users(&self, path: &Path, now: UnixTime) {
        let file = path.display();
        let read = std::fs::read(path).map_err(|error| error.kind().to_string());
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
                tracing::info!(%file, users, ended = ended.len(), "the htpasswd file has changed");
                ended.extend(self.keys_without_user().await);
                let until = now.after(2 * longest(Audience::Session));
                if let Err(error) = self.ended.end(&ended, until, now).await {
                    tracing::warn!(%error, "other replicas do not know yet who is gone from the htpasswd file");
                }
            }
        }
    }

    /// The ids of API keys whose users were in the file and are not any more.
    async fn keys_without_user(&self) -> Vec<String> {
        let Some(store) = &self.store else {
            return Vec::new();
        };
        let keys = store.keys(None).await.unwrap_or_default().into_iter();
        let gone = keys
            .filter(|key| key.source.method == "htpasswd" && !self.login.is_reserved(&key.user));
        gone.map(|key| crate::apikey::id_of(&key.details.uuid))
            .collect()
    }
}
