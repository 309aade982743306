//! API keys: made by somebody who has logged in, used as the password of that user, ended with what
//! their maker's login stands for (D28, D41, D45 of `docs/people/keys.md`).

mod endpoint;
mod import;
mod keys;
mod secret;
mod times;
mod wanted;

use std::pin::Pin;

pub use endpoint::{CorsRules, Endpoint, KeyRequest, KeyResponse, MAX_BODY, PATH};
pub use import::{ImportError, import};
pub use keys::id_of;
pub use keys::{ApiKeys, KeyError, Made};
pub use secret::{digits_of, is_key_text};
pub use times::{read_time, written_time};
pub use wanted::{InvalidKey, Wanted};

use crate::person::{LoginError, Person};

/// What keys need to know of the methods that their makers logged in by.
pub trait Sources: Send + Sync {
    /// Returns true for a user of the htpasswd file.
    fn is_local(&self, user: &str) -> bool;

    /// A user of the directory as it is now; `None` if it is not there any more, or there is no
    /// directory. No password is needed.
    fn directory<'a>(
        &'a self,
        user: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Person>, LoginError>> + Send + 'a>>;

    /// Returns true for a configured provider.
    fn has_provider(&self, name: &str) -> bool;
}

#[cfg(test)]
mod tests;
