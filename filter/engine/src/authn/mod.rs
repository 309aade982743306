//! Who is asking: credentials, tokens, providers, identities.

pub mod access_claim;
pub(crate) mod authenticated;
pub mod bearer;
pub mod cache;
pub(crate) mod certificate;
pub mod claims;
pub mod credential;
pub(crate) mod distinguished_name;
pub mod identity;
pub mod issuer;
pub(crate) mod login;
pub(crate) mod login_claims;
pub mod mapping;
pub mod mtls;
pub(crate) mod origin;
pub mod provider;
pub(crate) mod summary;
#[cfg(test)]
pub(crate) mod test_certificate;
#[cfg(test)]
pub(crate) mod test_signer;
pub mod token;
pub mod token_context;
pub mod verify;
