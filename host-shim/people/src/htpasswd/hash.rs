//! One password hash: reading it, and checking a password against it.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha_crypt::{PasswordVerifier as _, ShaCrypt};

/// The least cost of bcrypt that is one.
const MIN_COST: u32 = 4;

/// The greatest cost that is used: some two seconds (D18).
pub(crate) const MAX_COST: u32 = 15;

/// The rounds of SHA-crypt where a hash names none.
const DEFAULT_ROUNDS: u32 = 5000;

/// Fewer rounds are raised to these, as the algorithm says.
const MIN_ROUNDS: u32 = 1000;

/// More rounds are unusable: some seconds (D18).
pub(crate) const MAX_ROUNDS: u32 = 5_000_000;

/// Salts of bcrypt; as in zot, the bits that are left over in the last digit of a salt
/// do not matter.
const SALT: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A hash that can be checked, in the form that its library reads.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    effort: Effort,
    text: String,
}

/// What costs the same time: the kind of a hash and its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Effort {
    /// bcrypt with this cost.
    Bcrypt(u32),
    /// SHA-256-crypt with these rounds.
    Sha256(u32),
    /// SHA-512-crypt with these rounds.
    Sha512(u32),
}

/// Why a hash cannot be used. No part of it is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// There is none.
    #[error("no hash")]
    Empty,
    /// A kind that nobody can log in with.
    #[error("a hash of {0}, which is not supported: use bcrypt (`htpasswd -B`)")]
    Kind(&'static str),
    /// The kind is usable, the hash is not one of it.
    #[error("an incomplete or damaged hash of {0}")]
    Damaged(&'static str),
    /// Checking it would take too long.
    #[error("a bcrypt hash of cost {0}; at most {MAX_COST} is used")]
    Cost(u32),
    /// Checking it would take too long.
    #[error("a SHA-crypt hash of {0} rounds; at most {MAX_ROUNDS} are used")]
    Rounds(u64),
}

impl Hash {
    /// Reads a hash; returns it and what follows it in the text.
    pub(crate) fn parse(text: &[u8]) -> Result<(Self, &[u8]), Unusable> {
        let bcrypt = [b"$2a$", b"$2b$", b"$2y$"]
            .iter()
            .find_map(|prefix| text.strip_prefix(*prefix));
        if let Some(rest) = bcrypt {
            return parse_bcrypt(rest);
        }
        if let Some(rest) = text.strip_prefix(b"$5$") {
            return parse_sha_crypt(rest, false);
        }
        if let Some(rest) = text.strip_prefix(b"$6$") {
            return parse_sha_crypt(rest, true);
        }
        Err(unsupported(text))
    }

    /// Returns true if this is the hash of a password. Takes as long as its effort says.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        match self.effort {
            Effort::Bcrypt(_) => bcrypt::verify(password, &self.text).unwrap_or(false),
            Effort::Sha256(_) | Effort::Sha512(_) => ShaCrypt::default()
                .verify_password(password, self.text.as_str())
                .is_ok(),
        }
    }

    /// What it costs to check it.
    pub(crate) const fn effort(&self) -> Effort {
        self.effort
    }

    /// A hash of that effort which is the hash of no password: its digest is all zeros.
    pub(crate) fn dummy(effort: Effort) -> Self {
        let zeros = |count| ".".repeat(count);
        match effort {
            Effort::Bcrypt(cost) => Self::bcrypt(cost, &zeros(22), &zeros(31)),
            Effort::Sha256(rounds) => Self::sha_crypt(false, rounds, "nobody", &zeros(43)),
            Effort::Sha512(rounds) => Self::sha_crypt(true, rounds, "nobody", &zeros(86)),
        }
    }

    fn bcrypt(cost: u32, salt: &str, digest: &str) -> Self {
        Self {
            effort: Effort::Bcrypt(cost),
            text: format!("$2b${cost:02}${salt}{digest}"),
        }
    }

    fn sha_crypt(wide: bool, rounds: u32, salt: &str, digest: &str) -> Self {
        let (kind, effort) = if wide {
            (6, Effort::Sha512(rounds))
        } else {
            (5, Effort::Sha256(rounds))
        };
        Self {
            effort,
            text: format!("${kind}$rounds={rounds}${salt}${digest}"),
        }
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Hash({:?}, [redacted])", self.effort)
    }
}

/// `CC$`, 22 digits of salt, 31 of the digest.
fn parse_bcrypt(text: &[u8]) -> Result<(Hash, &[u8]), Unusable> {
    let damaged = || Unusable::Damaged("bcrypt");
    let (cost, rest) = text.split_at_checked(2).ok_or_else(damaged)?;
    let cost = std::str::from_utf8(cost)
        .ok()
        .filter(|cost| cost.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|cost| cost.parse().ok())
        .filter(|cost| (MIN_COST..=31).contains(cost))
        .ok_or_else(damaged)?;
    let rest = rest.strip_prefix(b"$").ok_or_else(damaged)?;
    let (salt, rest) = rest.split_at_checked(22).ok_or_else(damaged)?;
    let (digest, rest) = rest.split_at_checked(31).ok_or_else(damaged)?;
    let salt = SALT.decode(salt).map_err(|_| damaged())?;
    if cost > MAX_COST {
        return Err(Unusable::Cost(cost));
    }
    let digest = digits(digest).ok_or_else(damaged)?;
    Ok((Hash::bcrypt(cost, &SALT.encode(salt), digest), rest))
}

/// `rounds=N$` or nothing, the salt, `$`, 43 or 86 digits. Of the salt, the algorithm takes the
/// first 16 bytes.
fn parse_sha_crypt(text: &[u8], wide: bool) -> Result<(Hash, &[u8]), Unusable> {
    let (kind, length) = if wide {
        ("SHA-512-crypt", 86)
    } else {
        ("SHA-256-crypt", 43)
    };
    let damaged = || Unusable::Damaged(kind);
    let (rounds, rest) = match text.strip_prefix(b"rounds=") {
        None => (DEFAULT_ROUNDS, text),
        Some(rest) => {
            let (number, rest) = split_once(rest, b'$').ok_or_else(damaged)?;
            (read_rounds(number).ok_or_else(damaged)??, rest)
        }
    };
    let (salt, rest) = split_once(rest, b'$').ok_or_else(damaged)?;
    let (digest, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let salt = digits(salt)
        .filter(|salt| !salt.is_empty())
        .ok_or_else(damaged)?;
    let digest = digits(digest).ok_or_else(damaged)?;
    Ok((Hash::sha_crypt(wide, rounds, salt, digest), rest))
}

/// The rounds as they are used; None if it is no number.
fn read_rounds(number: &[u8]) -> Option<Result<u32, Unusable>> {
    let number = std::str::from_utf8(number).ok()?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let rounds = is_number.then(|| number.parse::<u64>().unwrap_or(u64::MAX))?;
    let usable = u32::try_from(rounds)
        .ok()
        .filter(|rounds| *rounds <= MAX_ROUNDS);
    Some(
        usable
            .map(|rounds| rounds.max(MIN_ROUNDS))
            .ok_or(Unusable::Rounds(rounds)),
    )
}

/// The digits of both kinds of hashes.
fn digits(text: &[u8]) -> Option<&str> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    let text = text.iter().all(is_digit).then_some(text)?;
    std::str::from_utf8(text).ok()
}

fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|byte| *byte == separator)?;
    let (before, after) = text.split_at_checked(position)?;
    Some((before, after.get(1..)?))
}

/// Names the kind of what is no usable hash.
fn unsupported(text: &[u8]) -> Unusable {
    let kinds: [(&[u8], &str); 10] = [
        (b"$apr1$", "Apache MD5 (`$apr1$`)"),
        (b"$1$", "MD5 (`$1$`)"),
        (b"{SHA}", "SHA-1 (`{SHA}`)"),
        (b"{SSHA}", "salted SHA-1 (`{SSHA}`)"),
        (b"$2x$", "an old bcrypt (`$2x$`)"),
        (b"$2$", "an old bcrypt (`$2$`)"),
        (b"$y$", "yescrypt (`$y$`)"),
        (b"$7$", "scrypt (`$7$`)"),
        (b"$argon2", "Argon2"),
        (b"$", "an unknown kind"),
    ];
    if text.is_empty() {
        return Unusable::Empty;
    }
    let kind = kinds
        .iter()
        .find(|(prefix, _)| text.starts_with(prefix))
        .map(|(_, kind)| *kind);
    Unusable::Kind(kind.unwrap_or("DES, or a password in the clear"))
}
