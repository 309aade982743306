//! Login by a provider: the authorization code flow of `OpenID` Connect, and that of GitHub.
//!
//! [`Social::begin`] says where the browser goes and gives it a sealed cookie; [`Social::finish`]
//! checks what it brings back, asks the provider, and says who it is. What is checked is in files
//! without effects; requests are sent by an [`HttpClient`].

pub mod assertion;
pub mod authorize;
pub mod callback;
pub mod callback_ui;
pub mod claims;
pub mod client;
pub mod end_session;
pub mod error;
mod exchange;
pub mod external;
pub mod flow;
pub mod from_config;
mod github;
pub mod http;
mod id_token;
mod known_issuer;
pub mod metadata;
pub mod provider;
pub mod sealed;
pub mod spent;
#[cfg(test)]
pub(crate) mod tests;

pub use callback_ui::AllowedOrigins;
pub use error::{Reason, SocialError};
pub use external::External;
pub use flow::{Begun, Finished, Parts, Social};
pub use http::HttpClient;
pub use provider::Provider;
pub use sealed::Sealer;
pub use spent::{SpentInMemory, SpentInStore, SpentStates};
