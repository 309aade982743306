//! Who is asking: credentials, tokens, keys, providers, identities.

pub mod algorithm;
pub mod claims;
pub mod identity;
pub mod keys;
pub mod mapping;
pub mod token;
pub mod verify;
