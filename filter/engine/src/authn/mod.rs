//! Who is asking: credentials, tokens, keys, providers, identities.

pub mod algorithm;
pub mod claims;
pub mod identity;
pub mod keys;
pub mod mapping;
#[cfg(test)]
pub(crate) mod test_signer;
pub mod token;
pub mod verify;
