//! What a process gets from outside: its variables, and files of the machine.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The longest file that is read, in bytes.
pub const MAX_FILE: u64 = 64 * 1024;

/// The variables of a process, and the root of the files that describe the machine.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    root: PathBuf,
}

/// Why a file cannot be used. No message holds a part of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is missing, or access is denied.
    #[error("cannot read `{path}`: {reason}")]
    Unreadable {
        /// Its path.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// It is a folder, a pipe or a device.
    #[error("cannot read `{0}`: it is not a file")]
    NotAFile(String),
    /// It is longer than [`MAX_FILE`].
    #[error("`{0}` is longer than {MAX_FILE} bytes")]
    TooLong(String),
    /// It is not text in UTF-8.
    #[error("`{0}` is not text")]
    NotText(String),
    /// Others may change what decides which programs are started.
    #[error("`{place}` may be changed by others, and what is started depends on it: {advice}")]
    Others {
        /// The file or the folder.
        place: String,
        /// Why, and what to do.
        advice: &'static str,
    },
}

impl Environment {
    /// Returns that of this process. Variables that are not UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            root: PathBuf::from("/"),
        }
    }

    /// Returns an environment with these variables, whose machine is described below `root`.
    #[must_use]
    pub fn new(variables: &[(&str, &str)], root: &Path) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            variables: variables.iter().map(owned).collect(),
            root: root.to_owned(),
        }
    }

    /// Returns the value of a variable; `None` if it is not set or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns the path of a file that describes the machine, without the `/` in front.
    #[must_use]
    pub fn of_machine(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

/// Names of variables only: a value may be a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_set()
            .entries(self.variables.keys())
            .finish()
    }
}

/// Reads a file of at most [`MAX_FILE`] bytes as text, and never waits for a pipe.
///
/// # Errors
/// See [`FileError`].
pub fn read(path: &Path) -> Result<String, FileError> {
    content(open(path)?, path)
}

/// Opens a file, and never waits for a pipe.
///
/// # Errors
/// It cannot be opened, or is not a file.
pub(crate) fn open(path: &Path) -> Result<File, FileError> {
    // A pipe without a writer would not be opened before there is one.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| unreadable(path, &error))?;
    let found = file.metadata().map_err(|error| unreadable(path, &error))?;
    if found.is_file() {
        Ok(file)
    } else {
        Err(FileError::NotAFile(shown(path)))
    }
}

/// Reads an open file; `path` is for messages.
///
/// # Errors
/// It cannot be read, is too long, or is not text.
pub(crate) fn content(file: File, path: &Path) -> Result<String, FileError> {
    let mut content = Vec::new();
    let length = file
        .take(MAX_FILE.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| unreadable(path, &error))?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_FILE) {
        return Err(FileError::TooLong(shown(path)));
    }
    String::from_utf8(content).map_err(|_| FileError::NotText(shown(path)))
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> FileError {
    FileError::Unreadable {
        path: shown(path),
        reason: error.to_string(),
    }
}

/// Returns a path as messages show it.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn files_are_read_whole_or_say_why_not() {
        let folder = crate::owned::tests::private();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "abc\n").unwrap();
        std::fs::write(at("long"), "a".repeat(64 * 1024 + 1)).unwrap();
        std::fs::write(at("bytes"), [0xff, 0xfe]).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        let rows = [
            ("file", "abc\n"),
            ("link", "abc\n"),
            ("long", "is longer than 65536 bytes"),
            ("bytes", "is not text"),
            ("pipe", "it is not a file"),
            ("", "it is not a file"),
            ("missing", "No such file or directory"),
        ];
        for (name, expected) in rows {
            let found = read(&at(name)).unwrap_or_else(|error| error.to_string());
            assert!(found.contains(expected), "{name}: {found}");
        }
    }

    #[test]
    fn a_variable_without_a_value_is_not_set_and_no_value_is_shown() {
        let environment = Environment::new(&[("A", "tops3cret"), ("B", "")], Path::new("/"));
        assert_eq!(environment.get("A"), Some("tops3cret"));
        assert_eq!(environment.get("B"), None);
        assert_eq!(environment.get("C"), None);
        assert_eq!(format!("{environment:?}"), r#"{"A", "B"}"#);
    }
}
