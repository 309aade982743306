//! The rows that every host of proxy-wasm is sent: `tests/hosts/rows.json`, a scenario file.

use anyhow::{Result, ensure};

use crate::module::workspace;
use crate::scenario::Scenarios;

/// The file, below the root of the workspace.
pub const ROWS: &str = "tests/hosts/rows.json";

/// The configuration whose rows run once more with each of [`LIKE_INLINE`].
const INLINE: &str = "inline";
/// Configurations that have the same results as [`INLINE`] and get their keys in another way.
const LIKE_INLINE: [&str; 2] = ["callouts", "pushed"];

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
