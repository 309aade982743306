//! What is looked after: an item of the queue.

use crate::names::secret_name;
use crate::watch::Key;

/// What is looked after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Item {
    /// The Secrets that other processes have left.
    Before,
    /// The list of repository Secrets.
    Repositories,
    /// A repository Secret.
    Repository(String),
    /// The pull secret of an account.
    Account(Key),
}

/// Returns the name of its Secret.
pub(crate) fn secret_of(item: &Item) -> String {
    match item {
        Item::Account((_, account)) => secret_name(account),
        Item::Repository(name) => name.clone(),
        Item::Repositories | Item::Before => String::new(),
    }
}

/// Returns how the metrics know it.
pub(crate) fn described(item: &Item) -> String {
    match item {
        Item::Account((namespace, account)) => format!("{namespace}/{account}"),
        Item::Repository(name) => format!("repository {name}"),
        Item::Repositories | Item::Before => String::new(),
    }
}
