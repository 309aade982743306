//! Signature algorithms of tokens (RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section
//! 2.2).

use std::fmt;

use strum::VariantArray;

/// An algorithm that verifies with a public key. `none` and `HS*` are not here, so no code can
/// choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, salt of 32 bytes.
    Ps256,
    /// RSASSA-PSS with SHA-384, salt of 48 bytes.
    Ps384,
    /// RSASSA-PSS with SHA-512, salt of 64 bytes.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519, under either of its names: `EdDSA`, which would also mean curves that are not here,
    /// and `Ed25519`.
    EdDsa,
}

/// The name of [`Algorithm::EdDsa`] that names the curve too (RFC 9864 section 2.2).
const ED25519: &str = "Ed25519";

impl Algorithm {
    /// Every algorithm, in the order of the declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name in `alg`, the older one of two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of a name, case-sensitive (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == ED25519 {
            Self::EdDsa.name()
        } else {
            name
        };
        Self::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_exactly() {
        for algorithm in Algorithm::ALL.iter().copied() {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
        }
        assert_eq!(Algorithm::from_name("Ed25519"), Some(Algorithm::EdDsa));
        for name in [
            "none",
            "None",
            "NONE",
            "",
            "HS256",
            "HS384",
            "HS512",
            "rs256",
            "RS256 ",
            "ES256K",
            "RSA-OAEP",
            "Ed448",
            "ed25519",
            "ED25519",
            "eddsa",
            "Ed25519ph",
            "ESP256",
            "ESP384",
            "ESP512",
            "ESB256",
            "ES256-P256",
        ] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }
}
