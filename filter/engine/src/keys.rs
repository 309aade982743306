//! Keys: public ones that tokens are verified with and the one that tokens are signed with, the
//! texts they come in (JWKS, PEM, a secret of both), where they come from, and how long they are
//! used.

pub mod algorithm;
pub mod cache;
pub mod discovery;
pub mod ended;
pub mod envelope;
mod error;
pub mod fetch;
mod jwk;
mod key;
mod libtrust;
mod pem;
mod pkcs8;
mod secret;
mod signing;
pub mod source;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::json;

use algorithm::Algorithm;
pub use error::{KeyError, KeysError, Skipped};
pub(crate) use key::Material;
pub use key::{KeyId, Kind, PublicKey};
pub(crate) use libtrust::LIBTRUST;
pub use pkcs8::SigningKeyError;
pub use signing::SigningKey;

/// The longest JWKS, PEM text or secret that is read, in bytes.
pub const MAX_TEXT: usize = 256 * 1024;

/// How many keys may share one key id; all of them are tried, so this bounds what one token costs.
pub const MAX_SAME_ID: usize = 8;

/// How many keys one set may have: some providers publish one for each of their tenants or nodes,
/// and a worker checks each. The 640 RSA keys that [`MAX_TEXT`] has room for take it a quarter of a
/// second, a thousand others less.
pub const MAX_KEYS: usize = 1000;

/// Keys, in the order of their source. Never empty when it comes from a reader of this module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    /// The places in `keys` of each id, in order.
    by_id: HashMap<KeyId, Vec<usize>>,
}

/// A key set, and what its source held besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The usable keys.
    pub keys: KeySet,
    /// Entries that were left out, each with a reason.
    pub skipped: Vec<Skipped>,
}

impl KeySet {
    /// Reads a JWK Set (RFC 7517 section 5). A key that cannot be used is skipped, one with private
    /// members too.
    ///
    /// # Errors
    /// Longer than [`MAX_TEXT`], not strict JSON, not an object with an array `keys`, or no usable
    /// key in it.
    pub fn from_jwks(text: &[u8]) -> Result<Loaded, KeysError> {
        Self::from_jwks_value(&read_json(text)?)
    }

    /// Reads a JWK Set that is JSON already, such as one in the configuration.
    ///
    /// # Errors
    /// As [`KeySet::from_jwks`], without those of the text.
    pub fn from_jwks_value(value: &Value) -> Result<Loaded, KeysError> {
        Self::load(value, jwk::read)
    }

    fn load(
        value: &Value,
        read: fn(&Value) -> Result<PublicKey, KeyError>,
    ) -> Result<Loaded, KeysError> {
        let entries = jwks_entries(value)?;
        let mut loading = Loading::default();
        for (index, entry) in entries.iter().enumerate().take(MAX_KEYS) {
            match read(entry) {
                Ok(key) => loading.add(key, || jwk::name(entry, index)),
                Err(reason) => loading.skip(jwk::name(entry, index), reason),
            }
        }
        loading.skip_rest(entries.len());
        loading.finish()
    }

    /// Reads the text of zot's `cert`: JSON must be a JWKS with exactly one key; anything else is
    /// searched for its first PEM block, which must hold an X.509 certificate, a
    /// `SubjectPublicKeyInfo` or a PKCS#1 public key.
    ///
    /// The dates and the signature of a certificate are not checked: the author of the
    /// configuration vouches for the key.
    ///
    /// # Errors
    /// Longer than [`MAX_TEXT`], neither of the two forms, a private key, or a key that cannot be
    /// used.
    pub fn from_cert(text: &str) -> Result<Self, KeysError> {
        let mut set = Self::default();
        set.push(read_one(text)?);
        Ok(set)
    }

    /// Reads a secret: a JSON object from key id to a text as in [`KeySet::from_cert`]. A key id
    /// inside the text is ignored; a bad entry is skipped.
    ///
    /// # Errors
    /// Longer than [`MAX_TEXT`], not strict JSON, not an object, empty, or no usable entry. The
    /// error names what was found, never its content.
    pub fn from_secret(text: &[u8]) -> Result<Loaded, KeysError> {
        secret::read(text)
    }

    /// The set as a JWK Set of public members only; [`KeySet::from_jwks_value`] reads an equal set
    /// from it.
    #[must_use]
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(jwk::write).collect::<Vec<_>>() })
    }

    /// The keys, in order.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns true if the set has no keys.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns true if some key has this id.
    #[must_use]
    pub fn contains(&self, key_id: &str) -> bool {
        self.by_id.contains_key(key_id)
    }

    /// The keys that may verify a token of `algorithm`: of this id if one is given, and of a
    /// fitting type, curve and `alg`.
    pub fn fitting(
        &self,
        key_id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &PublicKey> {
        let places = |id| self.by_id.get(id).map(Vec::as_slice).unwrap_or_default();
        let named = key_id
            .map(places)
            .unwrap_or_default()
            .iter()
            .filter_map(|place| self.keys.get(*place));
        let all = key_id.is_none().then(|| self.keys.iter());
        named
            .chain(all.into_iter().flatten())
            .filter(move |key| key.fits(algorithm))
    }

    /// How many keys have this id.
    fn count_of(&self, key_id: &KeyId) -> usize {
        self.by_id.get(key_id).map_or(0, Vec::len)
    }

    fn push(&mut self, key: PublicKey) {
        if let Some(id) = key.key_id() {
            self.by_id
                .entry(id.clone())
                .or_default()
                .push(self.keys.len());
        }
        self.keys.push(key);
    }
}

/// A set under construction.
#[derive(Default)]
struct Loading {
    keys: KeySet,
    skipped: Vec<Skipped>,
}

impl Loading {
    fn add(&mut self, key: PublicKey, place: impl FnOnce() -> String) {
        if key
            .key_id()
            .is_some_and(|id| self.keys.count_of(id) >= MAX_SAME_ID)
        {
            return self.skip(place(), KeyError::TooManyWithOneId);
        }
        self.keys.push(key);
    }

    fn skip(&mut self, which: String, reason: impl Into<KeysError>) {
        self.skipped.push(Skipped {
            which,
            reason: Box::new(reason.into()),
        });
    }

    /// The error for entries after the first [`MAX_KEYS`].
    fn skip_rest(&mut self, entries: usize) {
        if entries > MAX_KEYS {
            self.skip(
                format!("the last {}", entries - MAX_KEYS),
                KeyError::TooMany,
            );
        }
    }

    fn finish(self) -> Result<Loaded, KeysError> {
        if self.keys.is_empty() {
            return Err(KeysError::NoUsableKey(self.skipped));
        }
        Ok(Loaded {
            keys: self.keys,
            skipped: self.skipped,
        })
    }
}

/// Returns true if a text is that of keys, as [`KeySet::from_cert`] reads it, and not the path of a
/// file.
#[must_use]
pub fn is_key_text(text: &str) -> bool {
    pem::is_likely(text)
        || text
            .strip_prefix(json::MARK)
            .unwrap_or(text)
            .trim_start()
            .starts_with('{')
}

/// Returns the places of a JWK Set with private or shared keys, as in `keys[0]`, each with the member
/// that only those have.
pub fn private_entries(jwks: &Value) -> impl Iterator<Item = (String, &'static str)> {
    let entries = jwks.get("keys").and_then(Value::as_array);
    let entries = entries.into_iter().flatten().enumerate();
    entries
        .filter_map(|(index, entry)| Some((format!("keys[{index}]"), jwk::private_member(entry)?)))
}

/// Returns true if a PEM text has a block with a private key anywhere (RFC 7468 sections 10 and 11).
#[must_use]
pub fn has_private_block(text: &str) -> bool {
    text.contains("PRIVATE KEY-----")
}

/// One key from JWKS or PEM text.
fn read_one(text: &str) -> Result<PublicKey, KeysError> {
    if text.len() > MAX_TEXT {
        return Err(KeysError::TooLong);
    }
    let text = text.strip_prefix(json::MARK).unwrap_or(text);
    match json::parse(text.as_bytes()) {
        Ok(value) => match jwks_entries(&value)?.as_slice() {
            [entry] => Ok(jwk::read(entry)?),
            entries => Err(KeysError::NotOneKey(entries.len())),
        },
        Err(error) if text.trim_start().starts_with('{') && !pem::is_likely(text) => {
            Err(KeysError::Json(error))
        }
        Err(_) => Ok(pem::read(text)?),
    }
}

fn jwks_entries(value: &Value) -> Result<&Vec<Value>, KeysError> {
    let members = value
        .as_object()
        .ok_or(KeysError::NotAnObject(json::kind(value)))?;
    members
        .get("keys")
        .and_then(Value::as_array)
        .ok_or(KeysError::NotJwks)
}

fn read_json(text: &[u8]) -> Result<Value, KeysError> {
    if text.len() > MAX_TEXT {
        return Err(KeysError::TooLong);
    }
    Ok(json::parse(json::without_mark(text))?)
}

#[cfg(test)]
mod tests;
