//! Who is asking: credentials, tokens, keys, providers, identities.

pub mod access_claim;
pub mod algorithm;
pub mod bearer;
pub mod cache;
pub mod claims;
pub mod credential;
pub mod discovery;
pub mod identity;
pub mod key_cache;
pub mod keys;
pub mod mapping;
pub mod prove;
pub mod provider;
pub mod source;
#[cfg(test)]
pub(crate) mod test_signer;
pub mod token;
pub mod verify;
