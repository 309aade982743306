//! The corpus of a fuzz target in git: one text file with an input per line; bytes other than
//! visible ASCII are escaped as in Rust.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// Writes each input of a text file as a file into a folder, which is emptied before. A missing
/// text file has no inputs.
///
/// # Errors
/// A line is not what [`pack`] writes, or a file cannot be written.
pub(crate) fn unpack(text: &Path, folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot empty `{}`", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let lines = if text.exists() {
        fs::read_to_string(text)?
    } else {
        String::new()
    };
    for (number, line) in (1..).zip(lines.lines()) {
        let input = decode(line)
            .with_context(|| format!("{}:{number}: not an escaped input", text.display()))?;
        fs::write(folder.join(number.to_string()), input)?;
    }
    Ok(())
}

/// Writes the files of a folder as lines of a text file, sorted.
///
/// # Errors
/// The folder is empty, or a file cannot be read.
pub(crate) fn pack(folder: &Path, text: &Path) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder)? {
        let mut line = fs::read(entry?.path())?.escape_ascii().to_string();
        line.push('\n');
        lines.push(line);
    }
    if lines.is_empty() {
        bail!("there are no inputs in `{}`", folder.display());
    }
    lines.sort();
    fs::write(text, lines.concat()).with_context(|| format!("cannot write `{}`", text.display()))
}

/// Undoes [`u8::escape_ascii`].
fn decode(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let (decoded, tail) = match (byte, tail) {
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                (u8::try_from(16 * digit(high)? + digit(low)?).ok()?, tail)
            }
            (b'\\', [b'n', tail @ ..]) => (b'\n', tail),
            (b'\\', [b'r', tail @ ..]) => (b'\r', tail),
            (b'\\', [b't', tail @ ..]) => (b'\t', tail),
            (b'\\', [same @ (b'\\' | b'\'' | b'"'), tail @ ..]) => (*same, tail),
            (b'\\', _) => return None,
            (byte, tail) => (*byte, tail),
        };
        bytes.push(decoded);
        rest = tail;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).chain([b'\\', b'x', b'4', b'1']).collect();
        assert_eq!(decode(&all.escape_ascii().to_string()), Some(all));
        for bad in ["\\", "\\x", "\\x4", "\\xzz", "\\q", "\\x+1"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
