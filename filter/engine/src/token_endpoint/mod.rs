//! The token endpoint: what a client asks for, what it is granted of that, and the answer
//! (Distribution, "Token Authentication Specification" and "Oauth2 Token Authentication").

mod form;
pub mod mint;
#[cfg(test)]
mod properties;
pub mod request;
pub mod response;
pub(crate) mod subject;
