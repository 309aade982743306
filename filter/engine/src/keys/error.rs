//! Why a key, or a whole set, cannot be used. Nothing here holds key material.

use std::fmt;

use crate::json::JsonError;

/// Why one key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A JWK that is not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// `kty` is absent or none of RSA, EC, OKP; or the algorithm of a PEM key is not supported.
    #[error("its key type is not supported")]
    UnsupportedType,
    /// A shared secret (`oct`).
    #[error("it is a shared secret, not a public key")]
    Symmetric,
    /// A curve other than P-256, P-384, P-521, Ed25519.
    #[error("its curve is not supported")]
    UnsupportedCurve,
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    #[error("it is not for verifying signatures")]
    NotForSignatures,
    /// `alg` is not supported.
    #[error("its algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` belongs to another key type or curve.
    #[error("its algorithm does not fit its type")]
    AlgorithmMismatch,
    /// A member is absent, of the wrong type, or not decodable.
    #[error("its member `{0}` is missing or malformed")]
    Member(&'static str),
    /// RSA below 2048 bits (RFC 7518 section 3.3).
    #[error("its modulus is shorter than 2048 bits")]
    TooShort,
    /// RSA above 8192 bits: each signature would cost too much.
    #[error("its modulus is longer than 8192 bits")]
    TooLong,
    /// RSA numbers that cannot be a public key: even, exponent below 3 or above 2^33.
    #[error("its modulus or exponent is not that of an RSA key")]
    BadRsa,
    /// Not a point on its curve, or one of small order.
    #[error("its point is not on its curve")]
    BadPoint,
    /// More than eight keys with the same id.
    #[error("too many keys have its key id")]
    TooManyWithOneId,
    /// An entry of a secret whose key id is empty: no token can name it.
    #[error("its key id is empty, and no token can name it")]
    EmptyId,
    /// More than 1,000 keys in one set.
    #[error("a set has 1,000 keys at most")]
    TooMany,
    /// Neither JSON nor a PEM block.
    #[error("it holds no PEM block")]
    NoPem,
    /// A PEM block whose base64 or framing is broken.
    #[error("its PEM block is malformed")]
    MalformedPem,
    /// A PEM block with something else in it.
    #[error("its PEM block is not a certificate or public key")]
    NotAPublicKey,
    /// A private key, where a public key belongs.
    #[error("it is a private key; use the public key")]
    PrivateKey,
}

/// Why a text gives no key set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// Longer than 256 KiB.
    #[error("it is longer than 256 KiB")]
    TooLong,
    /// Not strict JSON.
    #[error("it is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but not an object; the kind of the value.
    #[error("it is {0}, not a JSON object")]
    NotAnObject(&'static str),
    /// An object without an array `keys`.
    #[error("it is not a JWKS: there is no array `keys`")]
    NotJwks,
    /// More keys than one, or none, where one key belongs.
    #[error("expected 1 key in JWKS, found {0}")]
    NotOneKey(usize),
    /// Empty text, or an object without entries.
    #[error("it is empty")]
    Empty,
    /// A secret's entry whose value is not a text; the kind of the value.
    #[error("it is {0}, not a text")]
    NotText(&'static str),
    /// Entries, but none that can be used.
    #[error("it holds no usable key{}", list(.0))]
    NoUsableKey(Vec<Skipped>),
    /// The only key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// An entry that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its key id, or its place in the set.
    pub which: String,
    /// Why.
    pub reason: Box<KeysError>,
}

/// Longer key ids are cut in messages.
const SHOWN: usize = 100;

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.which.chars().take(SHOWN).collect();
        write!(formatter, "`{}`: {}", shown.escape_debug(), self.reason)
    }
}

/// The first few reasons, for one line.
fn list(skipped: &[Skipped]) -> String {
    let shown: Vec<_> = skipped.iter().take(3).map(ToString::to_string).collect();
    match (shown.is_empty(), skipped.len() > shown.len()) {
        (true, _) => String::new(),
        (false, false) => format!(" ({})", shown.join("; ")),
        (false, true) => format!(
            " ({}; and {} more)",
            shown.join("; "),
            skipped.len() - shown.len()
        ),
    }
}
