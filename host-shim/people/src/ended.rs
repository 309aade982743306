//! What has ended before its time, as it is pushed to the filter with the login key.

mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::keys::ended::{Ended, MAX_ENDED};
use tokio::sync::watch;

use crate::store::{Store, StoreError};
use room::Room;
pub use room::{MAX_PER_USER, TooManyEnded};

/// The list of ended logins. Without a store it is that of this process.
pub struct EndedLogins {
    store: Option<Arc<dyn Store>>,
    own: Mutex<Own>,
    room: Mutex<Room>,
    pushed: watch::Sender<Ended>,
}

/// Why something is not ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// The user has ended too much lately.
    #[error(transparent)]
    TooMany(#[from] TooManyEnded),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What this process has ended, whether or not the store has it.
#[derive(Default)]
struct Own {
    ids: BTreeMap<String, UnixTime>,
    issued_after: Option<UnixTime>,
}

impl EndedLogins {
    /// An empty list; [`refresh`](Self::refresh) reads the store.
    #[must_use]
    pub fn new(store: Option<Arc<dyn Store>>) -> Self {
        Self {
            store,
            own: Mutex::default(),
            room: Mutex::default(),
            pushed: watch::Sender::default(),
        }
    }

    /// What has ended, and each change of it.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Ended> {
        self.pushed.subscribe()
    }

    /// Ends logins, here at once, and for other replicas by the store. They can be forgotten at
    /// `until`, when nothing of them would be accepted anyway.
    ///
    /// # Errors
    /// The store does not answer: other replicas, and this one after a restart, do not know it.
    pub async fn end(
        &self,
        ids: &[String],
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        {
            let mut own = self.own();
            for id in ids {
                let end = own.ids.entry(id.clone()).or_insert(until);
                *end = until.max(*end);
            }
        }
        let kept = match &self.store {
            Some(store) => store.end(ids, until).await,
            None => Ok(()),
        };
        // Even if the store has not answered.
        let refreshed = self.refresh(now).await;
        kept.and(refreshed)
    }

    /// Ends what a user wants to end: a session or a key of its own.
    ///
    /// # Errors
    /// The user has ended too much lately, or the store does not answer.
    pub async fn end_of(
        &self,
        user: &str,
        id: String,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), EndError> {
        self.room().take(user, &id, until, now)?;
        Ok(self.end(&[id], until, now).await?)
    }

    /// Returns whether a user may end one more now.
    ///
    /// # Errors
    /// Too much was ended lately.
    pub fn check(&self, user: &str, now: UnixTime) -> Result<(), TooManyEnded> {
        self.room().check(user, now)
    }

    fn room(&self) -> std::sync::MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends no more what is there again: without this, a line that comes back to the htpasswd file
    /// would be refused.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn revive(&self, there: &[String], now: UnixTime) -> Result<(), StoreError> {
        let ended = self.pushed.borrow().ids.clone();
        let again: Vec<String> = there
            .iter()
            .filter(|id| ended.contains(*id))
            .cloned()
            .collect();
        if again.is_empty() {
            return Ok(());
        }
        let kept = match &self.store {
            Some(store) => store.revive(&again).await,
            None => Ok(()),
        };
        self.own().ids.retain(|id, _| !again.contains(id));
        kept.and(self.refresh(now).await)
    }

    /// Reads what others have ended, forgets what can be forgotten, and publishes a change. A list
    /// that is too long becomes a time: everybody logs in again.
    ///
    /// # Errors
    /// The store does not answer; what this process knows is published all the same.
    pub async fn refresh(&self, now: UnixTime) -> Result<(), StoreError> {
        let read = match &self.store {
            Some(store) => Some(store.ended(now).await),
            None => None,
        };
        let mut ended = {
            let mut own = self.own();
            own.ids.retain(|_, until| now < *until);
            if let Some(Ok(record)) = &read {
                own.issued_after = own.issued_after.max(record.issued_after);
                own.ids.extend(record.ids.iter().cloned());
            }
            own.ended()
        };
        let mut kept = Ok(());
        if ended.size() > MAX_ENDED {
            // Those of this second too.
            let before = UnixTime::from_secs(now.secs()).after(Duration::from_secs(1));
            tracing::warn!("too many logins have ended: everybody has to log in again");
            if let Some(store) = &self.store {
                kept = store.end_all(before).await;
            }
            let mut own = self.own();
            own.ids.clear();
            own.issued_after = own.issued_after.max(Some(before));
            ended = own.ended();
        }
        self.pushed.send_if_modified(|pushed| {
            let changes = *pushed != ended;
            *pushed = ended;
            changes
        });
        read.transpose().map(drop).and(kept)
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Own {
    fn ended(&self) -> Ended {
        Ended {
            ids: self.ids.keys().cloned().collect::<BTreeSet<_>>(),
            issued_after: self.issued_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Embedded;

    const NOW: UnixTime = UnixTime::from_secs(1000);
    const END: UnixTime = UnixTime::from_secs(2000);

    fn store() -> (tempfile::TempDir, Arc<dyn Store>) {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(&folder.path().join("store")).unwrap();
        (folder, Arc::new(store))
    }

    fn ids(logins: &EndedLogins) -> Vec<String> {
        logins.subscribe().borrow().ids.iter().cloned().collect()
    }

    #[tokio::test]
    async fn what_ends_is_published_at_once_and_known_to_others() {
        let (_folder, store) = store();
        let [one, other] = [(); 2].map(|()| EndedLogins::new(Some(Arc::clone(&store))));
        let mut receiver = one.subscribe();
        one.end(&["s.1".into()], END, NOW).await.unwrap();
        assert!(receiver.has_changed().unwrap());
        assert_eq!(ids(&one), ["s.1"]);
        receiver.mark_unchanged();
        one.end(&["s.1".into()], END, NOW).await.unwrap();
        one.end(&[], END, NOW).await.unwrap();
        assert!(!receiver.has_changed().unwrap());
        other.refresh(NOW).await.unwrap();
        assert_eq!(ids(&other), ["s.1"]);
        for logins in [&one, &other] {
            logins.refresh(END).await.unwrap();
            assert!(ids(logins).is_empty());
        }
    }

    #[tokio::test]
    async fn a_list_that_is_too_long_becomes_a_time() {
        let (_folder, store) = store();
        for store in [None, Some(store)] {
            let logins = EndedLogins::new(store.clone());
            let many: Vec<String> = (0..3000).map(|number| format!("s.{number:020}")).collect();
            logins.end(&many[..2900], END, NOW).await.unwrap();
            assert_eq!(ids(&logins).len(), 2900);
            assert_eq!(logins.subscribe().borrow().issued_after, None);
            logins.end(&many, END, NOW).await.unwrap();
            let after = EndedLogins::new(store.clone());
            after.refresh(NOW).await.unwrap();
            for logins in [Some(&logins), store.as_ref().map(|_| &after)]
                .into_iter()
                .flatten()
            {
                let ended = logins.subscribe().borrow().clone();
                assert!(ended.ids.is_empty());
                assert_eq!(ended.issued_after, Some(UnixTime::from_secs(1001)));
            }
        }
    }
}
