//! The set that the login service has pushed.

use serde_json::Value;
use tokio::sync::watch;

/// The set of the login key and of what has ended. Clones are equal.
#[derive(Clone, Debug)]
pub(crate) struct LoginFeed(pub(crate) watch::Receiver<Option<Value>>);

impl PartialEq for LoginFeed {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}
