//! Reads files that may be replaced while the shim runs.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use rustix::fs::OFlags;

/// Why a file cannot be used. No message holds a part of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    /// It is missing, or access is denied.
    #[error("cannot read `{}`: {reason}", shown(.path))]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It is a pipe or a device: what is read again cannot be one.
    #[error("cannot read `{}`: {NO_FILE}", shown(.path))]
    NoFile {
        /// Its path.
        path: PathBuf,
    },
    /// It is longer than the limit.
    #[error("the file `{}` is longer than {limit} bytes", shown(.path))]
    TooLong {
        /// The path of the file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
}

/// What is wrong with a pipe, or with a device.
const NO_FILE: &str = "it is a pipe or a device, and not a file";

impl FileError {
    /// Returns what is wrong, without the path.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Unreadable { reason, .. } => reason.clone(),
            Self::NoFile { .. } => NO_FILE.to_owned(),
            Self::TooLong { limit, .. } => format!("it is longer than {limit} bytes"),
        }
    }
}

/// The longest configuration, in bytes.
const MAX_CONFIGURATION: u64 = 64 * 1024 * 1024;

/// Reads a configuration, which may come from a pipe.
///
/// # Errors
/// It cannot be read, or is longer than any configuration.
pub(crate) fn read_configuration(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unreadable = || format!("cannot read `{}`", path.display());
    let file = File::open(path).with_context(unreadable)?;
    let mut text = Vec::new();
    file.take(MAX_CONFIGURATION + 1)
        .read_to_end(&mut text)
        .with_context(unreadable)?;
    let is_whole = u64::try_from(text.len()).is_ok_and(|length| length <= MAX_CONFIGURATION);
    ensure!(
        is_whole,
        "`{}` is longer than 64 MiB: no configuration is",
        path.display()
    );
    Ok(text)
}

/// Opens a file, and nothing that is read once or blocks whoever reads it.
///
/// # Errors
/// See [`FileError`].
fn open(path: &Path) -> Result<File, FileError> {
    let unreadable = |error: io::Error| FileError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    // A pipe without a writer would not be opened before there is one.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(unreadable)?;
    let found = file.metadata().map_err(unreadable)?;
    // A folder has an error of its own when it is read.
    if found.is_file() || found.is_dir() {
        Ok(file)
    } else {
        Err(FileError::NoFile {
            path: path.to_owned(),
        })
    }
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// See [`FileError`].
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let unreadable = |error: io::Error| FileError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut content = Vec::new();
    let file = open(path)?;
    let length = file
        .take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) {
        Ok(content)
    } else {
        Err(FileError::TooLong {
            path: path.to_owned(),
            limit,
        })
    }
}

/// Returns a path as messages show it. What is no path but a key or a token, by its look, is cut.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_.".contains(&byte);
    let is_secret = text.starts_with("eyJ")
        || text.starts_with("MI")
            && text.len() > 16
            && text.bytes().all(is_encoded)
            && !text.contains('.')
        || text.len() > 40 && text.bytes().all(is_encoded) && !text.contains(['/', '.']);
    if is_secret {
        let begin: String = text.chars().take(3).collect();
        return format!("{begin}...");
    }
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_a_key_or_a_token_instead_of_a_path_is_cut() {
        let long = "a-long-name-of-a-policy-of-all-the-teams-of-acme.yaml";
        let rows = [
            ("policy.yaml", "policy.yaml"),
            (long, long),
            ("MIRRORS/team/policy.yaml", "MIRRORS/team/policy.yaml"),
            (
                "/etc/keys/MIGHAgEAMBMGByqGSM49.pem",
                "/etc/keys/MIGHAgEAMBMGByqGSM49.pem",
            ),
            ("MIGHAgEAMBMGByqGSM49", "MIG..."),
            ("eyJhbGciOiJub25lIn0.e30.c2ln", "eyJ..."),
            (&"c2VjcmV0".repeat(6), "c2V..."),
        ];
        for (path, expected) in rows {
            assert_eq!(shown(Path::new(path)), expected);
        }
    }

    /// The rows: a name, and what is said of it; nothing where it can be read.
    #[test]
    fn nothing_but_a_file_is_read_and_nobody_waits_for_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "1234").unwrap();
        fs::write(at("long"), "12345").unwrap();
        fs::create_dir(at("folder")).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("pipe"), at("link of pipe")).unwrap();
        let rows = [
            ("file", None),
            ("link", None),
            ("long", Some("it is longer than 4 bytes")),
            ("folder", Some("Is a directory (os error 21)")),
            ("missing", Some("No such file or directory (os error 2)")),
            ("pipe", Some(NO_FILE)),
            ("link of pipe", Some(NO_FILE)),
        ];
        for (name, said) in rows {
            let found = read(&at(name), 4);
            let reason = found.as_ref().err().map(FileError::reason);
            assert_eq!(reason.as_deref(), said, "{name}");
        }
        assert_eq!(
            read(Path::new("/dev/zero"), 4).unwrap_err().reason(),
            NO_FILE
        );
    }
}
