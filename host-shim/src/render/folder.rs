//! Replaces the files that a running Envoy watches.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::Context as _;
use registry_auth_render::envoy::{BOOTSTRAP, ORDER};

/// Writes the files of a folder, each by renaming, in the order that a running Envoy needs. Files of
/// these names that are not among them are removed last; others stay. Files that do not change are
/// not replaced, so that Envoy does not read them again.
///
/// # Errors
/// The folder or a file cannot be written.
pub(super) fn replace(folder: &Path, files: &BTreeMap<String, String>) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot create `{}`", folder.display()))?;
    for first in [BOOTSTRAP].iter().chain(&ORDER) {
        for (name, text) in files.iter().filter(|(name, _)| name.starts_with(first)) {
            write(&folder.join(name), text)?;
        }
    }
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    for entry in entries {
        let entry = entry.context("cannot read the folder")?;
        let name = entry.file_name();
        let is_gone = name.to_str().is_some_and(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|ending| ending == "yaml")
                && ORDER.iter().any(|first| name.starts_with(first))
                && !files.contains_key(name)
        });
        if is_gone {
            fs::remove_file(entry.path())
                .with_context(|| format!("cannot remove `{}`", entry.path().display()))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|held| held == text.as_bytes()) {
        return Ok(());
    }
    let new = path.with_extension("yaml.new");
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, path))
        .with_context(|| format!("cannot write `{}`", path.display()))
}
