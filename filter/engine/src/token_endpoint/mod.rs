//! The token endpoint: what a client asks for, what it is granted of that, and the answer (Distribution, "Token Authentication
//! Specification" and "Oauth2 Token Authentication").

pub mod answer;
pub mod ask;
mod form;
pub(crate) mod holder;
pub mod mint;
#[cfg(test)]
mod properties;
