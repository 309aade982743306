//! zot's `sessionKeysFile`.

use registry_auth_engine::json;
use serde_json::Value;
use zeroize::Zeroizing;

/// The fewest bytes of `hashKey`.
const MIN_HASH_KEY: usize = 32;
/// How many bytes `encryptKey` may have, as in zot: those of AES-128, 192 and 256.
const ENCRYPT_KEY: [usize; 3] = [16, 24, 32];

/// The keys of a `sessionKeysFile`, which all replicas of a proxy have in common.
pub struct SessionKeys {
    hash: Zeroizing<Vec<u8>>,
    encrypt: Zeroizing<Vec<u8>>,
}

/// Why a `sessionKeysFile` cannot be used. No message holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionKeysError {
    /// Not a JSON object, or one with other members.
    #[error(
        "the file must hold a JSON object with the text `hashKey` and, if wanted, the text `encryptKey`, and nothing else"
    )]
    Malformed,
    /// `hashKey` is missing or too short.
    #[error(
        "`hashKey` must have at least 32 bytes; `openssl rand -hex 32` makes one (D34: zot takes any length)"
    )]
    HashKey,
    /// `encryptKey` has another length.
    #[error(
        "`encryptKey` must have 16, 24 or 32 bytes, or be left out (D34: zot starts with any length, and then no login works)"
    )]
    EncryptKey,
}

impl SessionKeys {
    /// Reads the content of the file. As in zot, the keys are the bytes of the texts, and the case
    /// of the names does not matter.
    ///
    /// # Errors
    /// See [`SessionKeysError`].
    pub fn parse(content: &[u8]) -> Result<Self, SessionKeysError> {
        let Ok(Value::Object(members)) = json::parse(json::without_mark(content)) else {
            return Err(SessionKeysError::Malformed);
        };
        let (mut hash, mut encrypt) = (None, None);
        for (name, value) in members {
            let Value::String(text) = value else {
                return Err(SessionKeysError::Malformed);
            };
            let key = match name.to_ascii_lowercase().as_str() {
                "hashkey" => &mut hash,
                "encryptkey" => &mut encrypt,
                _ => return Err(SessionKeysError::Malformed),
            };
            if key.replace(Zeroizing::new(text.into_bytes())).is_some() {
                return Err(SessionKeysError::Malformed);
            }
        }
        let hash = hash
            .filter(|key| key.len() >= MIN_HASH_KEY)
            .ok_or(SessionKeysError::HashKey)?;
        let encrypt = encrypt.unwrap_or_default();
        // Empty is absent, as in zot.
        if encrypt.is_empty() || ENCRYPT_KEY.contains(&encrypt.len()) {
            Ok(Self { hash, encrypt })
        } else {
            Err(SessionKeysError::EncryptKey)
        }
    }

    /// Both keys as one text that no other pair has.
    pub(super) fn material(&self) -> Zeroizing<Vec<u8>> {
        let length = u64::try_from(self.hash.len()).unwrap_or(u64::MAX);
        let parts = [&length.to_be_bytes(), &**self.hash, &**self.encrypt];
        Zeroizing::new(parts.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SessionKeysError::{EncryptKey, HashKey, Malformed};

    #[test]
    fn keys_of_other_lengths_and_other_members_are_refused() {
        let key = |length: usize| "k".repeat(length);
        let both = |hash, encrypt| {
            format!(
                r#"{{"hashKey":"{}","encryptKey":"{}"}}"#,
                key(hash),
                key(encrypt)
            )
        };
        let rows = [
            (both(32, 16), Ok(())),
            (both(64, 24), Ok(())),
            (both(40, 32), Ok(())),
            (both(40, 0), Ok(())),
            (both(40, 5), Err(EncryptKey)),
            (both(40, 33), Err(EncryptKey)),
            (both(31, 32), Err(HashKey)),
            (format!(r#"{{"hashKey":"{}"}}"#, key(32)), Ok(())),
            (format!(r#"{{"HASHKEY":"{}"}}"#, key(32)), Ok(())),
            (format!("\u{feff}{{\"hashKey\":\"{}\"}}\n", key(32)), Ok(())),
            (r#"{"hashKey":"h"}"#.into(), Err(HashKey)),
            (format!(r#"{{"encryptKey":"{}"}}"#, key(32)), Err(HashKey)),
            ("{}".into(), Err(HashKey)),
            (
                format!(r#"{{"hashKey":"{}","other":""}}"#, key(32)),
                Err(Malformed),
            ),
            (
                format!(r#"{{"hashKey":"{0}","hashkey":"{0}"}}"#, key(32)),
                Err(Malformed),
            ),
            (r#"{"hashKey":1}"#.into(), Err(Malformed)),
            ("[]".into(), Err(Malformed)),
            (String::new(), Err(Malformed)),
        ];
        for (content, expected) in rows {
            let read = SessionKeys::parse(content.as_bytes()).map(drop);
            assert_eq!(read, expected, "{content}");
        }
    }

    #[test]
    fn no_two_pairs_are_one_text() {
        let material = |hash: &str, encrypt: &str| {
            let content = format!(r#"{{"hashKey":"{hash}","encryptKey":"{encrypt}"}}"#);
            SessionKeys::parse(content.as_bytes()).unwrap().material()
        };
        let (hash, encrypt) = ("h".repeat(32), "h".repeat(16));
        assert_ne!(
            material(&hash, &encrypt),
            material(&format!("{hash}{encrypt}"), "")
        );
    }
}
