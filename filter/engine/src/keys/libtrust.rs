//! Key ids of libtrust, which Distribution works out of a certificate up to its release 2.8.

use sha2::{Digest as _, Sha256};

/// The `keyId` that asks for them.
pub(crate) const LIBTRUST: &str = "libtrust";

/// RFC 4648 section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// 240 bits of the digest.
const LENGTH: usize = 30;
/// Characters of a group.
const GROUP: usize = 4;

/// The id of a public key, from its `SubjectPublicKeyInfo`: the first 240 bits of its SHA-256 in
/// base32, in groups of four.
pub(super) fn key_id(spki_der: &[u8]) -> String {
    let digest = Sha256::digest(spki_der);
    let mut id = String::with_capacity(LENGTH * 2);
    for five in digest
        .as_slice()
        .get(..LENGTH)
        .unwrap_or_default()
        .chunks(5)
    {
        // Five bytes are eight characters, which are two groups.
        let bits = five
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in 0..8 {
            if place % GROUP == 0 && !id.is_empty() {
                id.push(':');
            }
            let index = bits >> (35 - 5 * place) & 31;
            let letter = usize::try_from(index)
                .ok()
                .and_then(|index| ALPHABET.get(index));
            id.push(letter.map_or('?', |letter| char::from(*letter)));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;

    /// Worked out by `openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | head -c 30
    /// | base32`.
    #[test]
    fn an_id_is_that_of_libtrust() {
        let key =
            KeySet::from_cert(include_str!("../../../../tests/fixtures/public/p256.pub")).unwrap();
        let key = key.iter().next().unwrap();
        assert_eq!(
            key_id(key.spki_der()),
            "NR3P:SUPJ:HJXE:KVEX:ER6Z:BU35:U7FB:DA6K:3LWP:JVCA:2U3A:TKWS"
        );
    }
}
