//! Writes the tables of a run into `docs/performance.md`, between marks.

use std::fs;

use anyhow::{Context as _, Result};
use registry_auth_harness::module;

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- cargo xtask bench --write -->\n";
const BEGIN_OTHERS: &str = "<!-- cargo xtask bench --write: others -->\n";
const BEGIN_INSTRUCTIONS: &str = "<!-- cargo xtask bench --instructions --write -->\n";
const END: &str = "<!-- end -->\n";

/// Replaces the text between the marks: by `tables`, and by the table of `others`.
///
/// # Errors
/// The page is missing, or lacks a mark.
pub(crate) fn write(tables: &str, others: &str) -> Result<()> {
    put(&[(BEGIN, tables), (BEGIN_OTHERS, others)])
}

/// Replaces the table of instructions.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_instructions(table: &str) -> Result<()> {
    put(&[(BEGIN_INSTRUCTIONS, table)])
}

fn put(parts: &[(&str, &str)]) -> Result<()> {
    let path = module::workspace().join(PAGE);
    let mut text = fs::read_to_string(&path).context(PAGE)?;
    for (begin, new) in parts {
        text = replaced(&text, begin, new)
            .with_context(|| format!("`{PAGE}` lacks the marks `{}`", begin.trim()))?;
    }
    fs::write(path, text).context(PAGE)
}

fn replaced(text: &str, begin: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{begin}{new}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = format!("a\n{BEGIN_OTHERS}x\n{END}{BEGIN}old\n{END}b\n");
        assert_eq!(
            replaced(&page, BEGIN, "new\n"),
            Some(format!("a\n{BEGIN_OTHERS}x\n{END}{BEGIN}new\n{END}b\n"))
        );
        assert_eq!(
            replaced(&page, BEGIN_OTHERS, "y\n"),
            Some(format!("a\n{BEGIN_OTHERS}y\n{END}{BEGIN}old\n{END}b\n"))
        );
        assert_eq!(replaced("a\n", BEGIN, "new\n"), None);
    }

    #[test]
    fn the_page_has_all_marks() {
        let text = fs::read_to_string(module::workspace().join(PAGE)).unwrap();
        for begin in [BEGIN, BEGIN_OTHERS, BEGIN_INSTRUCTIONS] {
            assert!(replaced(&text, begin, "").is_some(), "{begin}");
        }
    }
}
