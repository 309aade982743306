//! Why something was not done in the file.

use redb::DatabaseError;

use crate::store::StoreError;

/// A failure of the database, or of what it holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Database(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for Failed
where
    E: std::error::Error + IsRedb,
{
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// The errors of the database's steps.
pub(super) trait IsRedb {}
impl IsRedb for DatabaseError {}
impl IsRedb for redb::TransactionError {}
impl IsRedb for redb::TableError {}
impl IsRedb for redb::StorageError {}
impl IsRedb for redb::CommitError {}
