//! Checks that the limits in `docs/threats.md` are those of the code.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, ensure};
use registry_auth_harness::module::workspace;

use crate::Outcome;

const PAGE: &str = include_str!("../../../../docs/threats.md");

#[test]
fn every_limit_of_the_page_is_that_of_the_code() -> Outcome {
    let rows: Vec<_> = PAGE
        .lines()
        .filter(|line| line.contains(".rs` `"))
        .collect();
    assert!(rows.len() > 30, "{} limits", rows.len());
    for row in rows {
        check(row).with_context(|| row.to_owned())?;
    }
    Ok(())
}

fn check(row: &str) -> Result<(), Error> {
    let cells: Vec<_> = row.split('|').map(str::trim).collect();
    let [_, _, said, constant, ..] = *cells.as_slice() else {
        return Err(Error::msg("no row"));
    };
    let names: Vec<_> = constant.split('`').collect();
    let [_, file, _, name, ..] = *names.as_slice() else {
        return Err(Error::msg("no constant"));
    };
    let mut found = Vec::new();
    let folders = ["filter", "host-shim/people/src", "host-shim/controller/src"];
    let all = folders.map(|folder| sources(&workspace().join(folder)));
    let all = all.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    for source in all.iter().filter(|path| path.ends_with(Path::new(file))) {
        let text = fs::read_to_string(source)?;
        let definition = text.lines().find_map(|line| {
            line.split_once(&format!("const {name}: "))
                .map(|(_, rest)| rest)
        });
        let value = definition
            .and_then(|rest| rest.split_once(" = "))
            .map(|(_, value)| value.trim_end_matches(';').to_owned());
        found.extend(value);
    }
    let [written] = found.as_slice() else {
        return Err(Error::msg(format!(
            "{} constants of that name",
            found.len()
        )));
    };
    let (code, page) = (
        number(written).context(written.clone())?,
        number(said).context("no value")?,
    );
    // A constant without a unit may be seconds on the page.
    ensure!(
        code == page || said.ends_with(" s") && code * 1000 == page,
        "the code says {written}"
    );
    Ok(())
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(sources(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            all.push(path);
        }
    }
    Ok(all)
}

/// A number of Rust or of the page: a product, a shift, with a unit; durations in milliseconds.
fn number(text: &str) -> Option<u64> {
    // Also of names, where it does no harm.
    let text = text.replace(['_', ','], "");
    for (unit, size) in [
        (" KiB", 1 << 10),
        (" MiB", 1 << 20),
        (" bytes", 1),
        (" s", 1000),
        (" h", 3_600_000),
    ] {
        if let Some(number) = text.strip_suffix(unit) {
            let tenths: f64 = number.parse().ok()?;
            return format!("{:.0}", tenths * f64::from(size)).parse().ok();
        }
    }
    for (unit, size) in [
        ("millis", 1),
        ("secs", 1000),
        ("mins", 60_000),
        ("hours", 3_600_000),
    ] {
        if let Some(number) = text.strip_prefix(&format!("Duration::from{unit}(")) {
            return Some(number.trim_end_matches(')').parse::<u64>().ok()? * size);
        }
    }
    if let Some((number, places)) = text.split_once(" << ") {
        return Some(number.parse::<u64>().ok()? << places.parse::<u32>().ok()?);
    }
    text.split(" * ")
        .map(|factor| factor.parse::<u64>().ok())
        .product()
}
