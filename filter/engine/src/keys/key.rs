//! One public key: its material, what it may be used for, and its DER form.

use std::borrow::Borrow;
use std::fmt;

use ed25519_dalek::VerifyingKey as Ed25519Key;
use registry_auth_rsa::{InvalidKey, PublicKey as RsaPublicKey};
use spki::der::asn1::{Any, BitString, Null, UintRef};
use spki::der::oid::ObjectIdentifier;
use spki::der::{Decode as _, Encode as _};
use spki::{
    AlgorithmIdentifierOwned, AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned,
    SubjectPublicKeyInfoRef,
};

use super::error::KeyError;
use crate::keys::algorithm::Algorithm;

/// `rsaEncryption` (RFC 8017 appendix C).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// `id-Ed25519` (RFC 8410 section 3).
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// `secp256r1` (RFC 5480 section 2.1.1.1).
pub(super) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// `secp384r1`.
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// `secp521r1`.
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// `kid` of a key: an opaque text, compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// A key id.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Equal ids have equal texts and equal hashes, so that a set is searched without a copy of the id.
impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Key type and curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RSA, 2048 to 8192 bits.
    Rsa,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// `EdDSA` on Curve25519.
    Ed25519,
}

impl Kind {
    /// Returns true if a key of this kind verifies signatures of `algorithm`.
    #[must_use]
    pub const fn fits(self, algorithm: Algorithm) -> bool {
        matches!(
            (self, algorithm),
            (
                Self::Rsa,
                Algorithm::Rs256
                    | Algorithm::Rs384
                    | Algorithm::Rs512
                    | Algorithm::Ps256
                    | Algorithm::Ps384
                    | Algorithm::Ps512
            ) | (Self::P256, Algorithm::Es256)
                | (Self::P384, Algorithm::Es384)
                | (Self::P521, Algorithm::Es512)
                | (Self::Ed25519, Algorithm::EdDsa)
        )
    }
}

/// The numbers of a key, in the form that its implementation reads.
#[derive(Clone)]
pub(crate) enum Material {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Ed25519(Ed25519Key),
}

/// A valid key: strong enough, on its curve, and for signatures.
#[derive(Clone)]
pub struct PublicKey {
    id: Option<KeyId>,
    algorithm: Option<Algorithm>,
    material: Material,
    signature_len: usize,
    spki: Vec<u8>,
}

impl PublicKey {
    /// `kid`, if it has one.
    #[must_use]
    pub const fn key_id(&self) -> Option<&KeyId> {
        self.id.as_ref()
    }

    /// `alg`: the only algorithm that it may be used with, if it is declared.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Its type and curve.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self.material {
            Material::Rsa(_) => Kind::Rsa,
            Material::P256(_) => Kind::P256,
            Material::P384(_) => Kind::P384,
            Material::P521(_) => Kind::P521,
            Material::Ed25519(_) => Kind::Ed25519,
        }
    }

    /// Returns true if it may verify `algorithm`: type and curve fit, and `alg`, if declared, is
    /// the same (RFC 8725 section 3.1).
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind().fits(algorithm) && self.algorithm.is_none_or(|declared| declared == algorithm)
    }

    /// The length that every signature of this key has, in bytes.
    #[must_use]
    pub const fn signature_len(&self) -> usize {
        self.signature_len
    }

    /// DER `SubjectPublicKeyInfo` (RFC 5280 section 4.1), as host verifiers take it.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    pub(crate) const fn material(&self) -> &Material {
        &self.material
    }

    /// The same key under another id, or under none.
    pub(super) fn with_id(self, id: Option<KeyId>) -> Self {
        Self { id, ..self }
    }

    /// The same key, for one algorithm only.
    pub(super) fn with_algorithm(self, algorithm: Option<Algorithm>) -> Result<Self, KeyError> {
        if algorithm.is_some_and(|declared| !self.kind().fits(declared)) {
            return Err(KeyError::AlgorithmMismatch);
        }
        Ok(Self { algorithm, ..self })
    }

    /// An RSA key from big-endian numbers; leading zeros are ignored.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let key = RsaPublicKey::new(modulus, exponent);
        Self::new(Material::Rsa(key.map_err(|error| match error {
            InvalidKey::TooShort => KeyError::TooShort,
            InvalidKey::TooLong => KeyError::TooLong,
            InvalidKey::Malformed => KeyError::BadRsa,
        })?))
    }

    /// An elliptic-curve key from its point, encoded by SEC 1 section 2.3.3. `kind` is one of the
    /// NIST curves.
    pub(super) fn ecdsa(kind: Kind, point: &[u8]) -> Result<Self, KeyError> {
        let bad = |_| KeyError::BadPoint;
        Self::new(match kind {
            Kind::P256 => {
                Material::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad)?)
            }
            Kind::P384 => {
                Material::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad)?)
            }
            Kind::P521 => {
                Material::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(bad)?)
            }
            Kind::Rsa | Kind::Ed25519 => return Err(KeyError::UnsupportedCurve),
        })
    }

    /// An Ed25519 key from its 32 bytes.
    pub(super) fn ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = Ed25519Key::try_from(bytes).map_err(|_| KeyError::BadPoint)?;
        // Of small order: there are signatures of it for any message.
        if key.is_weak() {
            Err(KeyError::BadPoint)
        } else {
            Self::new(Material::Ed25519(key))
        }
    }

    /// The key of a `SubjectPublicKeyInfo`.
    pub(super) fn from_spki(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Self, KeyError> {
        let bits = info
            .subject_public_key
            .as_bytes()
            .ok_or(KeyError::NotAPublicKey)?;
        match info.algorithm.oid {
            RSA => Self::from_pkcs1(
                &pkcs1::RsaPublicKey::from_der(bits).map_err(|_| KeyError::NotAPublicKey)?,
            ),
            EC => Self::ecdsa(named_curve(&info.algorithm)?, bits),
            ED25519 => Self::ed25519(bits),
            _ => Err(KeyError::UnsupportedType),
        }
    }

    /// The key of a PKCS#1 `RSAPublicKey`.
    pub(super) fn from_pkcs1(key: &pkcs1::RsaPublicKey<UintRef<'_>>) -> Result<Self, KeyError> {
        Self::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    fn new(material: Material) -> Result<Self, KeyError> {
        // Encoding fails only above 256 MiB.
        let spki = spki_of(&material).map_err(|_| KeyError::TooLong)?;
        let signature_len = match &material {
            Material::Rsa(key) => key.size(),
            Material::P256(_) | Material::Ed25519(_) => 64,
            Material::P384(_) => 96,
            Material::P521(_) => 132,
        };
        Ok(Self {
            id: None,
            algorithm: None,
            material,
            signature_len,
            spki,
        })
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.algorithm == other.algorithm && self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PublicKey")
            .field("kind", &self.kind())
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn named_curve(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Kind, KeyError> {
    let curve = algorithm
        .parameters
        .as_ref()
        .and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    match curve {
        Some(P256) => Ok(Kind::P256),
        Some(P384) => Ok(Kind::P384),
        Some(P521) => Ok(Kind::P521),
        _ => Err(KeyError::UnsupportedCurve),
    }
}

fn spki_of(material: &Material) -> spki::der::Result<Vec<u8>> {
    let (oid, parameters, bits) = match material {
        Material::Rsa(key) => (RSA, Any::from(Null), pkcs1_of(key)?),
        Material::P256(key) => (
            EC,
            Any::from(P256),
            key.to_sec1_point(false).as_bytes().to_vec(),
        ),
        Material::P384(key) => (
            EC,
            Any::from(P384),
            key.to_sec1_point(false).as_bytes().to_vec(),
        ),
        Material::P521(key) => (
            EC,
            Any::from(P521),
            key.to_sec1_point(false).as_bytes().to_vec(),
        ),
        Material::Ed25519(key) => return encode(ED25519, None, key.as_bytes()),
    };
    encode(oid, Some(parameters), &bits)
}

fn encode(
    oid: ObjectIdentifier,
    parameters: Option<Any>,
    bits: &[u8],
) -> spki::der::Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierOwned { oid, parameters };
    SubjectPublicKeyInfoOwned {
        algorithm,
        subject_public_key: BitString::from_bytes(bits)?,
    }
    .to_der()
}

fn pkcs1_of(key: &RsaPublicKey) -> spki::der::Result<Vec<u8>> {
    pkcs1::RsaPublicKey {
        modulus: UintRef::new(key.modulus())?,
        public_exponent: UintRef::new(&key.exponent())?,
    }
    .to_der()
}
