//! Encoded messages: what a signature is before the private key is applied (RFC 8017 section 9).

use crate::hash::Hash;

/// The octet that ends an encoded message of PSS.
const TRAILER: u8 = 0xbc;
/// Octets 0 before the hash of the message, when it is hashed with the salt.
const PADDING: [u8; 8] = [0; 8];

/// `EMSA-PKCS1-v1_5` of a message in `length` octets (section 9.2); `None` if the length is too small.
pub(crate) fn pkcs1(hash: Hash, message: &[u8], length: usize) -> Option<Vec<u8>> {
    let (prefix, hashed) = (hash.prefix(), hash.of(&[message]));
    let padding = length.checked_sub(3 + prefix.len() + hashed.len())?;
    if padding < 8 {
        return None;
    }
    let mut encoded = vec![0x00, 0x01];
    encoded.resize(2 + padding, 0xff);
    encoded.push(0x00);
    encoded.extend_from_slice(prefix);
    encoded.extend(hashed);
    Some(encoded)
}

/// `EMSA-PSS-VERIFY` of a message of `bits` bits at most (section 9.1.2): true if `encoded`, as many octets as that takes, is one of its
/// encodings with a salt as long as the hash, as JWS has it (RFC 7518 section 3.5).
pub(crate) fn is_pss(hash: Hash, message: &[u8], encoded: &[u8], bits: usize) -> bool {
    let hashed = hash.of(&[message]);
    // Step 4.
    let Some((TRAILER, rest)) = encoded.split_last().map(|(last, rest)| (*last, rest)) else {
        return false;
    };
    // Steps 3 and 5: the block holds an octet 1 and the salt at least.
    let Some(length) = rest.len().checked_sub(hashed.len()) else {
        return false;
    };
    let Some((masked, of_salt)) = rest.split_at_checked(length) else {
        return false;
    };
    let Some(zeros) = length.checked_sub(hashed.len() + 1) else {
        return false;
    };
    // Step 6: bits above the number are 0. An encoded message has at least one bit less than the modulus.
    let unused = (8 * encoded.len()).saturating_sub(bits);
    let used = 0xff_u8
        .checked_shr(u32::try_from(unused).unwrap_or(u32::MAX))
        .unwrap_or(0);
    if masked.first().is_none_or(|first| first & !used != 0) {
        return false;
    }
    // Steps 7 to 9.
    let mut block = hash.mask(of_salt, masked);
    if let Some(first) = block.first_mut() {
        *first &= used;
    }
    // Step 10.
    let Some((padding, one_and_salt)) = block.split_at_checked(zeros) else {
        return false;
    };
    let Some((1, salt)) = one_and_salt.split_first().map(|(one, salt)| (*one, salt)) else {
        return false;
    };
    // Steps 11 to 14.
    padding.iter().all(|&octet| octet == 0) && hash.of(&[&PADDING, &hashed, salt]) == of_salt
}
