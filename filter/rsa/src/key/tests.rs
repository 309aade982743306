use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _, RsaEncoding};

use super::*;

const ROWS: [(Padding, Hash, &dyn RsaEncoding); 6] = [
    (Padding::Pkcs1, Hash::Sha256, &signature::RSA_PKCS1_SHA256),
    (Padding::Pkcs1, Hash::Sha384, &signature::RSA_PKCS1_SHA384),
    (Padding::Pkcs1, Hash::Sha512, &signature::RSA_PKCS1_SHA512),
    (Padding::Pss, Hash::Sha256, &signature::RSA_PSS_SHA256),
    (Padding::Pss, Hash::Sha384, &signature::RSA_PSS_SHA384),
    (Padding::Pss, Hash::Sha512, &signature::RSA_PSS_SHA512),
];
const MESSAGE: &[u8] = b"a message";

fn pair(size: KeySize) -> (KeyPair, PublicKey) {
    let pair = KeyPair::generate(size).unwrap();
    let public = pair.public_key();
    let key = PublicKey::new(
        public.modulus().big_endian_without_leading_zero(),
        public.exponent().big_endian_without_leading_zero(),
    );
    (pair, key.unwrap())
}

fn sign(pair: &KeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .unwrap();
    signature
}

#[test]
fn signatures_of_another_library_verify_for_their_own_message_and_way_only() {
    for size in [KeySize::Rsa2048, KeySize::Rsa3072, KeySize::Rsa4096] {
        let (pair, key) = pair(size);
        for (padding, hash, encoding) in ROWS {
            let signature = sign(&pair, encoding, MESSAGE);
            assert!(key.verifies(padding, hash, MESSAGE, &signature));
            for (other, its_hash, _) in ROWS {
                let same = (other, its_hash) == (padding, hash);
                assert_eq!(
                    key.verifies(other, its_hash, MESSAGE, &signature),
                    same,
                    "{padding:?} {hash:?} taken for {other:?} {its_hash:?}"
                );
            }
            assert!(!key.verifies(padding, hash, b"another message", &signature));
        }
    }
}

#[test]
fn no_bit_of_a_signature_can_be_changed() {
    let (pair, key) = pair(KeySize::Rsa2048);
    for (padding, hash, encoding) in ROWS {
        let signature = sign(&pair, encoding, MESSAGE);
        for bit in (0..2048).step_by(61) {
            let mut other = signature.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verifies(padding, hash, MESSAGE, &other), "{bit}");
        }
        let longer = [&[0], &signature[..]].concat();
        let shorter = &signature[1..];
        for other in [
            &longer[..],
            shorter,
            &[],
            &[0; 256],
            &[0xff; 256],
            key.modulus(),
        ] {
            assert!(!key.verifies(padding, hash, MESSAGE, other));
        }
    }
}

#[test]
fn numbers_that_are_no_key_are_refused() {
    let odd = |octets: usize| {
        let mut modulus = vec![0xff; octets];
        modulus.insert(0, 0);
        modulus
    };
    let even: Vec<u8> = odd(256)
        .into_iter()
        .rev()
        .skip(1)
        .rev()
        .chain([0xfe])
        .collect();
    let mut just_too_short = odd(256);
    just_too_short[1] = 0x7f;
    let mut just_too_long = odd(1025);
    just_too_long[1] = 1;
    for (modulus, exponent, expected) in [
        (odd(256), &[1, 0, 1][..], None),
        (odd(256), &[0, 0, 3], None),
        (odd(1024), &[1, 0, 1], None),
        (odd(256), &[1, 0xff, 0xff, 0xff, 0xff], None),
        (odd(256), &[2, 0, 0, 0, 1], Some(InvalidKey::Malformed)),
        (
            odd(256),
            &[1, 0, 0, 0, 0, 0, 0, 0, 1],
            Some(InvalidKey::Malformed),
        ),
        (odd(256), &[1], Some(InvalidKey::Malformed)),
        (odd(256), &[4], Some(InvalidKey::Malformed)),
        (odd(256), &[], Some(InvalidKey::Malformed)),
        (even, &[1, 0, 1], Some(InvalidKey::Malformed)),
        (just_too_short, &[1, 0, 1], Some(InvalidKey::TooShort)),
        (vec![], &[1, 0, 1], Some(InvalidKey::TooShort)),
        (just_too_long, &[1, 0, 1], Some(InvalidKey::TooLong)),
    ] {
        assert_eq!(
            PublicKey::new(&modulus, exponent).err(),
            expected,
            "{exponent:?}"
        );
    }
}

#[test]
fn a_key_gives_its_numbers_back() {
    let modulus = [&[0, 0], &[0xab; 257][..]].concat();
    let key = PublicKey::new(&modulus, &[0, 1, 0, 1]).unwrap();
    assert_eq!(key.modulus(), &[0xab; 257]);
    assert_eq!(key.exponent(), [1, 0, 1]);
    assert_eq!(key.size(), 257);
}

#[test]
fn a_number_as_long_as_the_modulus_and_not_below_it_is_no_signature() {
    // The octets of some moduli have bits that their digits have not.
    for bits in 2048..2048 + 8 * 27 {
        let size = usize::div_ceil(bits, 8);
        let mut modulus = vec![0xff; size];
        modulus[0] >>= 8 * size - bits;
        let key = PublicKey::new(&modulus, &[1, 0, 1]).unwrap();
        let mut one = vec![0; size];
        one[size - 1] = 1;
        assert_eq!(key.encoded(&one, size), Some(one.clone()), "{bits}");
        for bit in bits..8 * size {
            let mut more = one.clone();
            more[0] |= 1 << (bit % 8);
            assert_eq!(key.encoded(&more, size), None, "{bits} {bit}");
        }
    }
}
