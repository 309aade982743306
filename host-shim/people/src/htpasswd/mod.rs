//! Users and password hashes in a file.

mod file;
mod hash;
mod pool;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

pub use file::{Finding, UserFile};
pub use pool::{MAX_RUNNING, MAX_WAITING};

use crate::person::{Method, Person};
use crate::secret::Secret;
pub(crate) use pool::Busy;
use pool::Pool;

/// The users of the file as it was last read.
#[derive(Debug)]
pub struct Users {
    file: RwLock<Arc<UserFile>>,
    pool: Pool,
}

/// What a new version of the file changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The file is used.
    Taken {
        /// The number of users who can log in. Zero is worth a warning.
        users: usize,
        /// Lines that are not used, or not as they may be meant.
        findings: Vec<Finding>,
        /// What has ended: tokens with these ids are no longer valid.
        ended: Vec<String>,
    },
    /// The file cannot be read: the users of before are kept.
    Kept {
        /// Why.
        why: String,
    },
}

impl Users {
    /// The users of a file.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self {
            file: RwLock::new(Arc::new(UserFile::parse(bytes))),
            pool: Pool::new(),
        }
    }

    /// The file as it was last read.
    #[must_use]
    pub fn file(&self) -> Arc<UserFile> {
        Arc::clone(&self.file.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what reading the file again gave, or why it cannot be read.
    pub fn reload(&self, read: Result<Vec<u8>, String>) -> Reload {
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(why) => return Reload::Kept { why },
        };
        let file = Arc::new(UserFile::parse(&bytes));
        let mut held = self.file.write().unwrap_or_else(PoisonError::into_inner);
        let reload = Reload::Taken {
            users: file.usable(),
            findings: file.findings().to_vec(),
            ended: file.ended_since(&held),
        };
        *held = file;
        reload
    }

    /// Returns the person whose password this is; None if it is nobody's. Each answer takes the
    /// time of one hash, on a thread of its own.
    pub(crate) async fn authenticate(
        &self,
        user: &str,
        password: &Secret,
    ) -> Result<Option<Person>, Busy> {
        let file = self.file();
        let (name, password) = (user.to_owned(), password.clone());
        let check = move || {
            let found = file.user(&name);
            let hash = found.map_or(file.dummy(), |user| &user.hash);
            let is_right = hash.verify(password.expose());
            found.filter(|_| is_right).map(|user| Person {
                user: name,
                groups: Vec::new(),
                method: Method::Htpasswd,
                sid: user.sid.clone(),
                not_after: None,
                scopes: Vec::new(),
            })
        };
        self.pool.run(check).await
    }
}
