//! Writes the tables of a run into `docs/performance.md`, between two marks.

use std::fs;

use anyhow::{Context as _, Result};
use registry_auth_harness::module;

const PAGE: &str = "docs/performance.md";
const BEGIN: &str = "<!-- cargo xtask bench --write -->\n";
const END: &str = "<!-- end -->\n";

/// Replaces the text between the marks by `tables`.
///
/// # Errors
/// The page is missing, or has no marks.
pub(crate) fn write(tables: &str) -> Result<()> {
    let path = module::workspace().join(PAGE);
    let text = fs::read_to_string(&path).context(PAGE)?;
    let text = replaced(&text, tables)
        .with_context(|| format!("`{PAGE}` lacks the marks `{}`", BEGIN.trim()))?;
    fs::write(path, text).context(PAGE)
}

fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(
            replaced(&page, "new\n"),
            Some(format!("a\n{BEGIN}new\n{END}b\n"))
        );
        assert_eq!(replaced("a\n", "new\n"), None);
    }
}
