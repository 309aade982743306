//! The rows that every host of proxy-wasm is sent: `tests/hosts/rows.json`, a scenario file. What
//! came of them is written down in `tests/hosts/measured.json`, and `docs/hosts.md` shows it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::module::workspace;
use crate::scenario::Scenarios;
use crate::substrate::{self, Substrate};

/// The file with the rows, below the root of the workspace.
pub const ROWS: &str = "tests/hosts/rows.json";
/// What was measured last and written down.
pub const MEASURED: &str = "tests/hosts/measured.json";
/// What was measured since the last `cargo clean`; other programs read it.
const FRESH: &str = "target/hosts.json";
/// Set, it has the files written instead of compared.
pub const RENEW: &str = "REGISTRY_AUTH_RENEW";
const COMMAND: &str = "cargo xtask hosts";

/// The configuration whose rows run once more with each of [`LIKE_INLINE`].
const INLINE: &str = "inline";
/// Configurations that have the same results as [`INLINE`] and get their keys in another way.
const LIKE_INLINE: [&str; 2] = ["callouts", "pushed"];
/// The columns of the table: a configuration and its heading.
const COLUMNS: [(&str, &str); 4] = [
    (INLINE, "keys in the configuration"),
    ("callouts", "keys that the filter fetches"),
    ("pushed", "pushed keys"),
    ("certificates", "client certificates"),
];

/// What came of the rows on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Name and version of the host.
    pub host: String,
    /// By configuration; one that the host cannot serve is missing.
    pub sets: BTreeMap<String, Counted>,
}

/// What came of the rows of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// How many were sent.
    pub rows: usize,
    /// The names of those that came out otherwise.
    pub failed: Vec<String>,
}

/// Reads the rows, as one set for each configuration, in the order of their names. A set bears the
/// name of its configuration.
///
/// # Errors
/// As [`Scenarios::read`], or a configuration has no rows.
pub fn sets() -> Result<Vec<Scenarios>> {
    let file = Scenarios::read(&workspace().join(ROWS))?;
    let set = |name: &String| {
        let written = if LIKE_INLINE.contains(&name.as_str()) {
            INLINE
        } else {
            name
        };
        let mut set = file.clone();
        set.name.clone_from(name);
        set.configs.retain(|config, _| config == name);
        set.rows.retain(|row| row.config == written);
        for row in &mut set.rows {
            row.config.clone_from(name);
        }
        ensure!(!set.rows.is_empty(), "{ROWS}: no row for `{name}`");
        Ok(set)
    };
    file.configs.keys().map(set).collect()
}

/// Sends the rows of `sets` to a host, and returns what came of them with what differed, for a
/// reader.
///
/// # Errors
/// The host does not start.
pub fn measure(
    host: &str,
    substrate: &mut dyn Substrate,
    sets: &[Scenarios],
) -> Result<(Measured, Vec<String>)> {
    let failures = substrate::failures(substrate, sets)?;
    let counted = |set: &Scenarios| {
        let own = || failures.iter().filter(|failure| failure.file == set.name);
        let failed = if own().any(|failure| failure.row.is_none()) {
            set.rows.iter().map(|row| row.name.clone()).collect()
        } else {
            own().filter_map(|failure| failure.row.clone()).collect()
        };
        let counted = Counted {
            rows: set.rows.len(),
            failed,
        };
        (set.name.clone(), counted)
    };
    let measured = Measured {
        host: host.to_owned(),
        sets: sets.iter().map(counted).collect(),
    };
    let texts = failures.into_iter().map(|failure| failure.text).collect();
    Ok((measured, texts))
}

/// Writes what was measured to `target/hosts.json`, and compares it with what is written down, or
/// writes it down when `REGISTRY_AUTH_RENEW` is set.
///
/// # Errors
/// It came out otherwise (the message has what was measured, and `texts`), or a file cannot be
/// written.
pub fn record(measured: &Measured, texts: &[String]) -> Result<()> {
    merge(&workspace().join(FRESH), measured)?;
    let path = workspace().join(MEASURED);
    if std::env::var_os(RENEW).is_some() {
        return merge(&path, measured);
    }
    ensure!(
        read(&path)?.contains(measured),
        "{MEASURED} says otherwise of {}; `{RENEW}=1 {COMMAND}` updates it\n{}\n\n{}",
        measured.host,
        serde_json::to_string(measured)?,
        texts.join("\n\n")
    );
    Ok(())
}

/// Returns what is written down.
///
/// # Errors
/// It cannot be read, or is not of the rows as they are.
pub fn written() -> Result<Vec<Measured>> {
    let measured = read(&workspace().join(MEASURED))?;
    for set in sets()? {
        let counted = measured.iter().filter_map(|host| host.sets.get(&set.name));
        for counted in counted {
            let known = |name: &String| set.rows.iter().any(|row| row.name == *name);
            ensure!(
                counted.rows == set.rows.len() && counted.failed.iter().all(known),
                "{MEASURED} has other rows than {ROWS}; `{RENEW}=1 {COMMAND}` measures them"
            );
        }
    }
    Ok(measured)
}

/// Returns the table of `docs/hosts.md`: how many rows of each configuration came out right on each
/// host, and which did not.
#[must_use]
pub fn table(measured: &[Measured]) -> String {
    let headings = COLUMNS.map(|(_, heading)| heading).join(" | ");
    let mut lines = vec![
        format!("| host | {headings} | what came out otherwise |"),
        format!("|---|{}---|", "---|".repeat(COLUMNS.len())),
    ];
    for host in measured {
        let cells = COLUMNS.map(|(name, _)| {
            host.sets.get(name).map_or_else(
                || "-".to_owned(),
                |set| format!("{} of {}", set.rows - set.failed.len(), set.rows),
            )
        });
        let mut failed: Vec<_> = host.sets.values().flat_map(|set| &set.failed).collect();
        failed.sort();
        failed.dedup();
        let failed = failed.iter().map(|name| name.as_str()).collect::<Vec<_>>();
        lines.push(format!(
            "| {} | {} | {} |",
            host.host,
            cells.join(" | "),
            failed.join("; ")
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn read(path: &Path) -> Result<Vec<Measured>> {
    let name = path.display();
    let text = fs::read(path).with_context(|| name.to_string())?;
    serde_json::from_slice(&text).with_context(|| name.to_string())
}

/// Held while a file is replaced: tests of several hosts run at once.
static FILES: Mutex<()> = Mutex::new(());

/// Replaces what a file says of this host, or adds it.
fn merge(path: &Path, measured: &Measured) -> Result<()> {
    let _held = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut all = if path.exists() {
        read(path)?
    } else {
        Vec::new()
    };
    match all.iter_mut().find(|known| known.host == measured.host) {
        Some(known) => known.clone_from(measured),
        None => all.push(measured.clone()),
    }
    all.sort_by(|one, other| one.host.cmp(&other.host));
    let mut text = serde_json::to_string_pretty(&all)?;
    text.push('\n');
    fs::write(path, text).with_context(|| path.display().to_string())
}
