//! An htpasswd file: one user a line, `name:hash` (D18).

use std::collections::HashMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_engine::json::without_mark;
use sha2::{Digest as _, Sha256};

use super::hash::{Effort, Hash};
use crate::person::MAX_USER;

/// The longest line that is read, in bytes.
const MAX_LINE: usize = 64 * 1024;

/// What is hashed for a name that no file has, where the file has no user at all.
const DEFAULT_EFFORT: Effort = Effort::Bcrypt(10);

/// The users of a file.
#[derive(Debug)]
pub struct UserFile {
    /// By name; None where the last line of a name is unusable.
    users: HashMap<String, Option<User>>,
    dummy: Hash,
    findings: Vec<Finding>,
}

/// What a line says of a user.
#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) hash: Hash,
    /// What tokens made by this line end with.
    pub(super) sid: String,
}

/// A line that is not used, or not as it may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number, counted from 1.
    pub line: usize,
    /// The user, where the line names one.
    pub user: Option<String>,
    /// What is wrong with it; no part of a hash.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}", self.line)?;
        if let Some(user) = &self.user {
            write!(formatter, ", user `{}`", user.escape_debug())?;
        }
        write!(formatter, ": {}", self.problem)
    }
}

impl UserFile {
    /// Reads a file. Lines that cannot be used are findings; the others are used.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut reading = Reading::default();
        for (index, line) in without_mark(bytes).split(|byte| *byte == b'\n').enumerate() {
            reading.line(index + 1, line.strip_suffix(b"\r").unwrap_or(line));
        }
        let users: HashMap<_, _> = reading
            .lines
            .into_iter()
            .map(|(name, (_, user))| (name, user))
            .collect();
        let dummy = Hash::dummy(commonest(users.values().flatten()));
        Self {
            users,
            dummy,
            findings: reading.findings,
        }
    }

    /// The number of users who can log in.
    #[must_use]
    pub fn usable(&self) -> usize {
        self.users.values().flatten().count()
    }

    /// Lines that are not used, or not as they may be meant.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns true if the file names nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Returns true if the file names a user, whether the line is usable or not.
    #[must_use]
    pub fn names(&self, user: &str) -> bool {
        self.users.contains_key(user)
    }

    /// What tokens of a user end with: another one as soon as the line changes.
    #[must_use]
    pub fn sid(&self, user: &str) -> Option<&str> {
        Some(&self.user(user)?.sid)
    }

    /// The ids of lines that an earlier version of the file has, and this one has not.
    #[must_use]
    pub fn ended_since(&self, earlier: &Self) -> Vec<String> {
        let mut ended: Vec<_> = earlier
            .users
            .iter()
            .filter_map(|(name, user)| Some((name, &user.as_ref()?.sid)))
            .filter(|(name, sid)| self.sid(name) != Some(sid))
            .map(|(_, sid)| sid.clone())
            .collect();
        ended.sort();
        ended
    }

    pub(super) fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)?.as_ref()
    }

    /// A hash that takes as long as that of most users, and is that of no password (D19).
    pub(super) const fn dummy(&self) -> &Hash {
        &self.dummy
    }
}

#[derive(Default)]
struct Reading {
    /// By name: the number of its last line, and what it says.
    lines: HashMap<String, (usize, Option<User>)>,
    findings: Vec<Finding>,
}

impl Reading {
    fn find(&mut self, line: usize, user: Option<&str>, problem: impl Into<String>) {
        self.findings.push(Finding {
            line,
            user: user.map(str::to_owned),
            problem: problem.into(),
        });
    }

    fn line(&mut self, number: usize, line: &[u8]) {
        if line.starts_with(b"#") || line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let Some(colon) = line.iter().take(MAX_LINE).position(|byte| *byte == b':') else {
            let problem = if line.len() > MAX_LINE {
                "is longer than 64 KiB"
            } else {
                "has no colon"
            };
            return self.find(number, None, format!("{problem}; it is not used"));
        };
        let (name, hash) = line.split_at_checked(colon).unwrap_or_default();
        let hash = hash.strip_prefix(b":").unwrap_or(hash);
        let Some(name) = std::str::from_utf8(name)
            .ok()
            .filter(|name| !name.is_empty())
        else {
            return self.find(
                number,
                None,
                "has no user name that is UTF-8; it is not used",
            );
        };
        let user = self.user(number, name, hash, line.len());
        if let Some((earlier, _)) = self.lines.insert(name.to_owned(), (number, user)) {
            self.find(
                number,
                Some(name),
                format!("replaces line {earlier} of the same name"),
            );
        }
    }

    fn user(&mut self, number: usize, name: &str, hash: &[u8], length: usize) -> Option<User> {
        if length > MAX_LINE {
            self.find(
                number,
                Some(name),
                "is longer than 64 KiB; nobody logs in with it",
            );
            return None;
        }
        if let Some(problem) = name_problem(name) {
            self.find(
                number,
                Some(name).filter(|name| name.len() <= MAX_USER),
                format!("{problem}; nobody logs in with it"),
            );
            return None;
        }
        match Hash::parse(hash) {
            Err(why) => {
                self.find(
                    number,
                    Some(name),
                    format!("has {why}; nobody logs in with it"),
                );
                None
            }
            Ok((read, rest)) => {
                if !rest.iter().all(u8::is_ascii_whitespace) {
                    self.find(
                        number,
                        Some(name),
                        "has text after its hash, which is ignored",
                    );
                }
                Some(User {
                    hash: read,
                    sid: sid(name, hash),
                })
            }
        }
    }
}

/// Why nobody can log in by a name, if that is so.
fn name_problem(name: &str) -> Option<&'static str> {
    if name.len() > MAX_USER {
        return Some("has a user name above 256 bytes");
    }
    let has_control = name.chars().any(char::is_control);
    has_control.then_some("has a control character (such as a tab) in its user name")
}

/// `h.` and 22 digits, from the whole line.
fn sid(name: &str, hash: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([0])
        .chain_update(hash)
        .finalize();
    let mut text = URL_SAFE_NO_PAD.encode(digest);
    text.truncate(22);
    format!("h.{text}")
}

/// The effort that most users have; of several, the greatest.
fn commonest<'a>(users: impl Iterator<Item = &'a User>) -> Effort {
    let mut counts = HashMap::new();
    for user in users {
        *counts.entry(user.hash.effort()).or_insert(0_usize) += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(effort, count)| (*count, *effort))
        .map_or(DEFAULT_EFFORT, |(effort, _)| effort)
}
