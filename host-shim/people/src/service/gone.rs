//! API keys of users who are gone from the htpasswd file: they end for good, so that whoever gets the
//! name later has none of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use registry_auth_engine::UnixTime;

use super::LoginService;
use crate::store::{KeyRecord, Store, StoreError};

/// How long a name has to be gone: a file that is written again lacks names for a moment.
const GRACE: Duration = Duration::from_mins(1);

/// The names that have keys, and are gone, each with the time when that was seen.
#[derive(Debug, Default)]
pub(super) struct Gone {
    since: BTreeMap<String, UnixTime>,
    /// Whether these are all for the file as it is.
    is_known: bool,
}

impl LoginService {
    /// Deletes the keys of users who have been gone for a while. `is_new` says that the file has
    /// changed. A file without any user is none that somebody was removed from.
    ///
    /// # Errors
    /// The store does not answer; the next call tries again.
    pub(super) async fn forget_gone(
        &self,
        gone: &mut Gone,
        is_new: bool,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let (Some(users), Some(store)) = (self.login.users(), &self.store) else {
            return Ok(());
        };
        gone.is_known &= !is_new;
        if users.file().is_empty() {
            gone.since.clear();
            return Ok(());
        }
        if !gone.is_known {
            let keys = self.gone_keys(&**store, None).await?;
            let owners: BTreeSet<String> = keys.into_iter().map(|key| key.user).collect();
            gone.since.retain(|name, _| owners.contains(name));
            for owner in owners {
                gone.since.entry(owner).or_insert(now);
            }
            gone.is_known = true;
        }
        let due = gone.since.iter();
        let due = due.filter(|(_, since)| now.since(**since) >= GRACE);
        let due: Vec<String> = due.map(|(name, _)| name.clone()).collect();
        for user in due {
            let keys = self.gone_keys(&**store, Some(&user)).await?;
            for key in &keys {
                store.delete_key(&key.hash).await?;
            }
            tracing::info!(
                user,
                keys = keys.len(),
                "deleted the API keys of a user who is gone from the htpasswd file"
            );
            gone.since.remove(&user);
        }
        Ok(())
    }

    /// The keys of owners who log in by the file and are not there.
    async fn gone_keys(
        &self,
        store: &dyn Store,
        user: Option<&str>,
    ) -> Result<Vec<KeyRecord>, StoreError> {
        let mut keys = store.keys(user).await?;
        keys.retain(|key| key.source.method == "htpasswd" && !self.login.is_reserved(&key.user));
        Ok(keys)
    }
}
