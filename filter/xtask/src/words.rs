//! `cargo xtask words`: checks that pages, and comments and strings of Rust sources, are written in
//! plain technical English.
//!
//! `words.txt` has patterns with their replacements, `words-allow.txt` the places where a pattern
//! means something else.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use regex_automata::nfa::thompson::pikevm::PikeVM;

use crate::workspace::Workspace;

const WORDS: &str = "filter/xtask/words.txt";
const ALLOWED: &str = "filter/xtask/words-allow.txt";
/// Folders whose pages are checked, in addition to those of the root itself.
const PAGES: &[&str] = &["docs", "examples", "host-shim", "tests", ".github"];
/// Folders whose Rust sources are checked.
const SOURCES: &[&str] = &["envoy", "filter", "host-shim", "tests"];
/// Folders of third-party or generated files.
const SKIPPED: &[&str] = &["target", "artifacts", "corpus", "testdata"];

/// Checks all files and prints what it finds.
///
/// # Errors
/// A list cannot be read, a file has a word of the list, or an exception applies to nothing.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let read = |file: &str| {
        fs::read_to_string(workspace.path(file)).with_context(|| format!("cannot read `{file}`"))
    };
    let words = Words::parse(&read(WORDS)?)?;
    let mut allowed = Allowed::parse(&read(ALLOWED)?)?;
    let mut found = 0_usize;
    for (name, kind) in files(workspace)? {
        let text = fs::read_to_string(workspace.path(&name))
            .with_context(|| format!("cannot read `{name}`"))?;
        for (number, word, instead) in words.find(&text, kind) {
            let line = text.lines().nth(number).unwrap_or_default();
            if !allowed.covers(&name, line) {
                eprintln!("{name}:{}: `{word}`: {instead}", number + 1);
                found += 1;
            }
        }
    }
    for stale in allowed.unused() {
        eprintln!("{ALLOWED}: `{stale}` applies to nothing");
        found += 1;
    }
    if found > 0 {
        bail!("{found} words to replace ({WORDS}), or to allow ({ALLOWED})");
    }
    Ok(())
}

/// The kind of a file, which decides what of it is prose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Page,
    Rust,
}

/// Returns all files to check, sorted by their path from the root.
fn files(workspace: &Workspace) -> anyhow::Result<Vec<(String, Kind)>> {
    let mut files = Vec::new();
    walk(workspace, "", false, "md", &mut files)?;
    for folder in PAGES {
        walk(workspace, folder, true, "md", &mut files)?;
    }
    let mut files: Vec<_> = files.into_iter().map(|file| (file, Kind::Page)).collect();
    let mut sources = Vec::new();
    for folder in SOURCES {
        walk(workspace, folder, true, "rs", &mut sources)?;
    }
    files.extend(sources.into_iter().map(|file| (file, Kind::Rust)));
    files.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(files)
}

fn walk(
    workspace: &Workspace,
    folder: &str,
    deep: bool,
    ending: &str,
    files: &mut Vec<String>,
) -> anyhow::Result<()> {
    for entry in fs::read_dir(workspace.path(folder))
        .with_context(|| format!("cannot read the folder `{folder}`"))?
    {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() {
            name.clone()
        } else {
            format!("{folder}/{name}")
        };
        if entry.file_type()?.is_dir() {
            if deep && !SKIPPED.contains(&name.as_str()) {
                walk(workspace, &path, deep, ending, files)?;
            }
        } else if Path::new(&name)
            .extension()
            .is_some_and(|found| found == ending)
        {
            files.push(path);
        }
    }
    Ok(())
}

/// The patterns of `words.txt`.
struct Words {
    patterns: PikeVM,
    instead: Vec<String>,
}

impl Words {
    /// Reads `PATTERN => INSTEAD` lines; `#` begins a comment. A pattern is a regular expression
    /// for whole words in any case.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (mut patterns, mut instead) = (Vec::new(), Vec::new());
        for line in entries(text) {
            let (pattern, other) = line
                .split_once(" => ")
                .with_context(|| format!("{WORDS}: `{line}` has no ` => `"))?;
            patterns.push(format!(r"(?i-u:\b)(?i:{})(?-u:\b)", pattern.trim()));
            instead.push(other.trim().to_owned());
        }
        let patterns = PikeVM::new_many(&patterns)
            .with_context(|| format!("{WORDS} has an invalid pattern"))?;
        Ok(Self { patterns, instead })
    }

    /// Returns the words found in a text: line number from 0, word, replacement.
    fn find(&self, text: &str, kind: Kind) -> Vec<(usize, String, &str)> {
        let mut found = Vec::new();
        let mut cache = self.patterns.create_cache();
        let mut is_code = false;
        for (number, line) in text.lines().enumerate() {
            let prose = match kind {
                Kind::Rust => prose_of_rust(line),
                Kind::Page if line.trim_start().starts_with("```") => {
                    is_code = !is_code;
                    continue;
                }
                Kind::Page if is_code => continue,
                Kind::Page => prose_of_page(line),
            };
            for hit in self.patterns.find_iter(&mut cache, &prose) {
                let word = prose.get(hit.range()).unwrap_or_default().to_owned();
                let instead = self
                    .instead
                    .get(hit.pattern().as_usize())
                    .map_or("", String::as_str);
                found.push((number, word, instead));
            }
        }
        found
    }
}

/// Returns a line of a page without its code spans.
fn prose_of_page(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Returns the strings and the comment of a line of Rust; the comment without its code spans.
fn prose_of_rust(line: &str) -> String {
    let mut prose = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(['"', '/']) {
        let (_, from) = rest.split_at(start);
        if let Some(comment) = from.strip_prefix("//") {
            prose.push_str(&prose_of_page(comment));
            break;
        }
        let Some(inside) = from.strip_prefix('"') else {
            rest = from.get(1..).unwrap_or_default();
            continue;
        };
        let mut escaped = false;
        let end = inside.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        });
        let (string, behind) = inside.split_at(end.unwrap_or(inside.len()));
        prose.push_str(string);
        prose.push('\n');
        rest = behind.get(1..).unwrap_or_default();
    }
    prose
}

/// The exceptions of `words-allow.txt`: `FILE: TEXT` allows the lines of a file that contain the
/// text, `FILE: *` all of them.
struct Allowed(Vec<Exception>);

struct Exception {
    file: String,
    text: String,
    is_used: bool,
}

impl Allowed {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let entry = |line: &str| {
            let (file, text) = line
                .split_once(": ")
                .with_context(|| format!("{ALLOWED}: `{line}` has no `: `"))?;
            Ok(Exception {
                file: file.to_owned(),
                text: text.to_owned(),
                is_used: false,
            })
        };
        Ok(Self(
            entries(text).map(entry).collect::<anyhow::Result<_>>()?,
        ))
    }

    fn covers(&mut self, file: &str, line: &str) -> bool {
        let fits = |entry: &&mut Exception| {
            entry.file == file && (entry.text == "*" || line.contains(&entry.text))
        };
        self.0.iter_mut().find(fits).is_some_and(|entry| {
            entry.is_used = true;
            true
        })
    }

    fn unused(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(|entry| !entry.is_used)
            .map(|entry| format!("{}: {}", entry.file, entry.text))
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str =
        "# a comment\ndear => expensive\nfor ever => without end\nstands? (?:in|at) => is\n";

    fn found(text: &str, kind: Kind) -> Vec<(usize, String)> {
        let words = Words::parse(LIST).unwrap();
        words
            .find(text, kind)
            .into_iter()
            .map(|(number, word, _)| (number, word))
            .collect()
    }

    #[test]
    fn whole_words_in_prose_are_found_and_code_is_not() {
        let text = "Dear reader,\nendear `dear` x\n```sh\ndear\n```\nit stands in a file for ever, dear\nit stands for it";
        let expected = [(0, "Dear"), (5, "stands in"), (5, "for ever"), (5, "dear")];
        assert_eq!(
            found(text, Kind::Page),
            expected.map(|(number, word)| (number, word.to_owned()))
        );
    }

    #[test]
    fn of_rust_strings_and_comments_are_prose() {
        let rows = [
            ("let dear = 1; // is dear", 1),
            ("/// `dear` is a name", 0),
            (r#"error("it is \"dear\"", dear, 1 / 2, "dear")"#, 2),
            (r#"let url = "https://dear"; dear()"#, 1),
            ("let dear = dear / 2;", 0),
        ];
        for (line, expected) in rows {
            assert_eq!(found(line, Kind::Rust).len(), expected, "{line}");
        }
    }

    #[test]
    fn an_exception_is_for_one_file_and_text_and_must_be_used() {
        let mut allowed = Allowed::parse("a.md: so dear\nb.md: *\nc.md: x\n").unwrap();
        assert!(allowed.covers("a.md", "it is so dear") && !allowed.covers("a.md", "dear"));
        assert!(!allowed.covers("d.md", "so dear") && allowed.covers("b.md", "dear"));
        assert_eq!(allowed.unused().collect::<Vec<_>>(), ["c.md: x"]);
    }

    #[test]
    fn lists_that_cannot_be_read_are_errors() {
        assert!(Words::parse("dear\n").is_err() && Words::parse("( => x\n").is_err());
        assert!(Allowed::parse("a.md\n").is_err());
    }
}
