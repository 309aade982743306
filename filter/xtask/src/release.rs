//! `cargo xtask release-check`: checks that version, changelog and the module's earliest time
//! agree.

use std::fs;

use anyhow::{Context, bail, ensure};
use chrono::{NaiveDate, NaiveTime};

use crate::workspace::Workspace;

const CHANGELOG: &str = "CHANGELOG.md";
const CLOCK: &str = "filter/src/clock.rs";
const UNRELEASED: &str = "[Unreleased]";

/// A release of the changelog.
#[derive(Debug, PartialEq, Eq)]
struct Release {
    version: String,
    date: NaiveDate,
}

/// Checks that the tree is ready for a release.
///
/// # Errors
/// What is not ready.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let changelog = read(workspace, CHANGELOG)?;
    let newest =
        newest(&changelog)?.context("CHANGELOG.md has no release: rename `[Unreleased]`")?;
    ensure_clock(&read(workspace, CLOCK)?, Some(&newest))?;
    ensure_exact(&read(workspace, CLOCK)?, &newest)?;
    let version = version(&read(workspace, "Cargo.toml")?)?;
    ensure!(
        newest.version == version,
        "the newest release of CHANGELOG.md is {}, the version of Cargo.toml {version}",
        newest.version
    );
    ensure!(
        is_empty(&changelog),
        "CHANGELOG.md has entries under `{UNRELEASED}`"
    );
    eprintln!("{} of {} can be released", newest.version, newest.date);
    Ok(())
}

/// Checks what must hold at any time: the module rejects times before the newest release.
///
/// # Errors
/// The changelog or the constant cannot be read, or the constant is older than the newest release.
pub(crate) fn check_clock(workspace: &Workspace) -> anyhow::Result<()> {
    ensure_clock(
        &read(workspace, CLOCK)?,
        newest(&read(workspace, CHANGELOG)?)?.as_ref(),
    )
}

/// Returns the version of the workspace.
///
/// # Errors
/// `Cargo.toml` has none.
pub(crate) fn workspace_version(workspace: &Workspace) -> anyhow::Result<String> {
    version(&read(workspace, "Cargo.toml")?)
}

fn read(workspace: &Workspace, file: &str) -> anyhow::Result<String> {
    fs::read_to_string(workspace.path(file)).with_context(|| format!("cannot read `{file}`"))
}

/// Fails if `RELEASED` is before the day of the newest release. A host whose clock is wrong would
/// make tokens valid again that expired before it.
fn ensure_clock(source: &str, newest: Option<&Release>) -> anyhow::Result<()> {
    let released = released(source)?;
    let Some(Release { version, date }) = newest else {
        return Ok(());
    };
    let first = seconds(*date);
    ensure!(
        released >= first,
        "RELEASED in {CLOCK} is before the release {version} of {date}: set it to {first}"
    );
    Ok(())
}

/// Fails if `RELEASED` is after the day of the release: the module would refuse everything until
/// then.
fn ensure_exact(source: &str, newest: &Release) -> anyhow::Result<()> {
    let first = seconds(newest.date);
    ensure!(
        released(source)? <= first,
        "RELEASED in {CLOCK} is after {}: set it to {first}",
        newest.date
    );
    Ok(())
}

fn released(source: &str) -> anyhow::Result<i64> {
    let line = source
        .lines()
        .find_map(|line| line.strip_prefix("const RELEASED: i64 = "));
    let number = line
        .and_then(|rest| rest.strip_suffix(';'))
        .with_context(|| format!("{CLOCK} has no RELEASED"))?;
    number
        .replace('_', "")
        .parse()
        .with_context(|| format!("RELEASED in {CLOCK} is `{number}`"))
}

fn seconds(date: NaiveDate) -> i64 {
    date.and_time(NaiveTime::MIN).and_utc().timestamp()
}

/// The first release of a changelog, which is the newest; their dates must not increase from there.
fn newest(changelog: &str) -> anyhow::Result<Option<Release>> {
    let headings = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .filter(|heading| *heading != UNRELEASED);
    let releases = headings.map(release).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some([later, earlier]) = releases
        .array_windows()
        .find(|[later, earlier]| later.date < earlier.date)
    {
        bail!(
            "CHANGELOG.md has {} of {} above {} of {}",
            later.version,
            later.date,
            earlier.version,
            earlier.date
        );
    }
    Ok(releases.into_iter().next())
}

/// `[1.2.3] - 2026-01-31`
fn release(heading: &str) -> anyhow::Result<Release> {
    let parts = heading
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] - "));
    let (version, date) = parts.with_context(|| {
        format!("CHANGELOG.md: `{heading}` is not `[VERSION] - YYYY-MM-DD` or `{UNRELEASED}`")
    })?;
    let date = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok();
    let date = date.with_context(|| format!("CHANGELOG.md: `{heading}` has no date"))?;
    Ok(Release {
        version: version.to_owned(),
        date,
    })
}

/// Returns true if nothing is under `[Unreleased]`.
fn is_empty(changelog: &str) -> bool {
    let below = changelog
        .split_once(&format!("## {UNRELEASED}\n"))
        .map_or("", |(_, below)| below);
    below
        .split("\n## ")
        .next()
        .is_none_or(|entries| entries.trim().is_empty() || entries.starts_with("## "))
}

fn version(manifest: &str) -> anyhow::Result<String> {
    let package = manifest
        .split_once("[workspace.package]\n")
        .map(|(_, package)| package);
    let line = package.and_then(|package| {
        package
            .lines()
            .find_map(|line| line.strip_prefix("version = \""))
    });
    let version = line
        .and_then(|rest| rest.strip_suffix('"'))
        .context("Cargo.toml has no version")?;
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-12-01\n\n- x\n\n## [0.1.0] - 2026-11-01\n";

    fn clock(seconds: &str) -> String {
        format!("const RELEASED: i64 = {seconds};\n")
    }

    #[test]
    fn the_clock_is_not_older_than_the_newest_release() {
        let newest = newest(CHANGELOG).unwrap().unwrap();
        assert_eq!(newest.version, "0.2.0");
        // 2026-12-01T00:00:00Z is 1,796,083,200.
        for (seconds, keeps, releases) in [
            ("1_793_491_200", false, true),
            ("1_796_083_199", false, true),
            ("1_796_083_200", true, true),
            ("1_796_083_201", true, false),
        ] {
            assert_eq!(
                ensure_clock(&clock(seconds), Some(&newest)).is_ok(),
                keeps,
                "{seconds}"
            );
            assert_eq!(
                ensure_exact(&clock(seconds), &newest).is_ok(),
                releases,
                "{seconds}"
            );
        }
        assert!(ensure_clock(&clock("1_793_491_200"), None).is_ok());
        assert!(ensure_clock("", None).is_err());
    }

    #[test]
    fn headings_are_releases_in_order() {
        assert_eq!(newest("## [Unreleased]\n").unwrap(), None);
        for bad in [
            "## 0.1.0\n",
            "## [0.1.0]\n",
            "## [0.1.0] - soon\n",
            "## [0.1.0] - 2026-13-01\n",
            "## [0.2.0] - 2026-01-01\n## [0.1.0] - 2026-02-01\n",
        ] {
            assert!(newest(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn entries_that_are_left_are_found() {
        assert!(is_empty(CHANGELOG));
        assert!(is_empty("## [Unreleased]\n"));
        assert!(!is_empty(
            &CHANGELOG.replace("## [Unreleased]\n", "## [Unreleased]\n\n- y\n")
        ));
        assert_eq!(
            version("[workspace]\n[workspace.package]\nversion = \"0.2.0\"\n").unwrap(),
            "0.2.0"
        );
    }
}
