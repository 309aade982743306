//! The tables of the file.

use redb::TableDefinition;

/// The version of the tables. Another one is refused.
pub(super) const SCHEMA: u64 = 1;

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("registry-auth");
/// Records by hash.
pub(super) const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");
/// Hashes by user and hash.
pub(super) const KEYS_OF: TableDefinition<'_, (&str, &str), ()> =
    TableDefinition::new("keys of users");
/// Records by method and user.
pub(super) const LOGINS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("logins");
/// Ends, in seconds, by id.
pub(super) const ENDED: TableDefinition<'_, &str, i64> = TableDefinition::new("ended");
/// Ends, in seconds, by text.
pub(super) const TAKEN: TableDefinition<'_, &str, i64> = TableDefinition::new("taken");

pub(super) const SCHEMA_ROW: &str = "schema";
pub(super) const ISSUED_AFTER_ROW: &str = "issued after";
