//! Who is asking: credentials, tokens, keys, providers, identities.

pub mod access_claim;
pub mod algorithm;
pub mod bearer;
pub mod cache;
pub(crate) mod certificate;
pub mod claims;
pub mod credential;
pub mod discovery;
pub(crate) mod distinguished_name;
pub mod identity;
pub mod issuer;
pub mod key_cache;
pub mod keys;
pub mod mapping;
pub mod mtls;
pub(crate) mod origin;
pub mod prove;
pub mod provider;
pub mod source;
#[cfg(test)]
pub(crate) mod test_certificate;
#[cfg(test)]
pub(crate) mod test_signer;
pub mod token;
pub mod verify;
