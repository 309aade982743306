//! The tokens that a login is turned into, and the keys that make them.

mod claims;
mod login_key;
mod root_key;

pub use claims::longest;
pub use login_key::LoginKey;
pub use registry_auth_engine::login::Audience;
pub use root_key::{DerivedKey, Purpose, RootKey};
