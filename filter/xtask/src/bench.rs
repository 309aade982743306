//! `cargo xtask bench`: builds what the package of the benchmark needs, and runs it.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, callgrind, dynamic, process, tools};

/// Options of `cargo xtask bench`.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Measure briefly and only once, to check that everything works; the figures are meaningless
    #[arg(long)]
    quick: bool,
    /// Measure only these rows, by name or letter: `e,f` or `g-es256`
    #[arg(long)]
    rows: Option<String>,
    /// How many rounds, each with an Envoy of its own (5)
    #[arg(long)]
    rounds: Option<u32>,
    /// How many seconds each row is measured in each of two turns (2)
    #[arg(long)]
    seconds: Option<u32>,
    /// Measure zot too, which is this program; without it the table says that it is missing
    #[arg(long, value_name = "PATH")]
    zot: Option<PathBuf>,
    /// Count instructions of Envoy instead of its time, with valgrind: the same on every machine
    #[arg(long, conflicts_with_all = ["quick", "rounds", "seconds", "zot"])]
    instructions: bool,
    /// Put the tables into docs/performance.md
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    other: Other,
}

/// Options that do not apply to the measurements of [`Other`].
const PLANNED: [&str; 7] = [
    "quick",
    "rows",
    "rounds",
    "seconds",
    "zot",
    "instructions",
    "write",
];
/// The row that needs [`tools::OTHERS`].
const OPA: &str = "opa";

/// Other measurements.
#[derive(Args, Default)]
#[group(multiple = false)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags of a command, of which one is given"
)]
struct Other {
    /// Measure the stages of the engine natively instead, without Envoy
    #[arg(long, conflicts_with_all = PLANNED)]
    engine: bool,
    /// Count the instructions of the engine for one request natively instead, with valgrind
    #[arg(long, conflicts_with_all = PLANNED)]
    callgrind: bool,
    /// Show instead in which functions of the module a request spends its instructions: one with
    /// its token in the cache (`hit`), with a new one (`miss`), or with a condition to evaluate
    /// (`condition`)
    #[arg(long, conflicts_with_all = PLANNED, value_name = "REQUEST", num_args = 0..=1, default_missing_value = "hit")]
    profile: Option<String>,
    /// Measure `registry-auth run` alone: its start, and a change of its policy
    #[arg(long, conflicts_with_all = PLANNED)]
    run: bool,
    /// Measure people who log in alone: a password that is known, and 1,000 logins at once
    #[arg(long, conflicts_with_all = PLANNED)]
    login: bool,
}

/// Measures everything briefly, to check that it works.
///
/// # Errors
/// As [`run`].
pub(crate) fn quick(workspace: &Workspace) -> anyhow::Result<()> {
    run(
        workspace,
        &Options {
            quick: true,
            ..Options::default()
        },
    )
}

/// Installs the tools, builds the modules, and measures.
///
/// # Errors
/// A step fails, or a request gets a wrong response.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if options.other.engine {
        return process::run(&mut workspace.cargo(&["bench", "--package", "registry-auth-engine"]));
    }
    if options.other.callgrind {
        return callgrind::run(workspace);
    }
    let folder = workspace.target("bench");
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create `{}`", workspace.short(&folder)))?;
    if options.other.profile.is_some() {
        build::named_module(workspace, &folder.join("named.wasm"))?;
        return process::run(workspace.program("bench")?.args(options.arguments()));
    }
    tools::install(
        workspace,
        if options.quick {
            tools::ENVOY
        } else {
            tools::BENCH
        },
    )?;
    if options.compares() {
        tools::install(workspace, tools::OTHERS)?;
    }
    // With the module in it: `run` is measured too.
    build::all(workspace)?;
    if options.quick {
        dynamic::build_tested(workspace)?;
    } else {
        dynamic::build(workspace)?;
    }
    build::empty_module(workspace, &folder.join("empty-sdk.wasm"))?;
    process::run(workspace.program("bench")?.args(options.arguments()))
}

impl Options {
    /// Returns true if what people would use instead is measured too.
    fn compares(&self) -> bool {
        let named = |rows: &String| rows.split(',').any(|row| row == OPA);
        let others = self.other.run || self.other.login;
        !self.quick && !self.instructions && !others && self.rows.as_ref().is_none_or(named)
    }

    /// Returns the arguments for the benchmark.
    fn arguments(&self) -> Vec<String> {
        let flags = [
            ("--quick", self.quick),
            ("--write", self.write),
            ("--instructions", self.instructions),
            ("--run", self.other.run),
            ("--login", self.other.login),
        ];
        let mut arguments: Vec<_> = flags
            .into_iter()
            .filter(|(_, set)| *set)
            .map(|(flag, _)| flag.to_owned())
            .collect();
        let numbers = [("--rounds", self.rounds), ("--seconds", self.seconds)];
        let values = numbers.map(|(name, value)| (name, value.map(|value| value.to_string())));
        let texts = [
            ("--rows", self.rows.clone()),
            ("--profile", self.other.profile.clone()),
            (
                "--zot",
                self.zot.as_ref().map(|path| path.display().to_string()),
            ),
        ];
        for (name, value) in values.into_iter().chain(texts) {
            arguments.extend(value.into_iter().flat_map(|value| [name.to_owned(), value]));
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_is_installed_only_where_they_are_measured() {
        let rows = |rows: &str| Options {
            rows: Some(rows.to_owned()),
            ..Options::default()
        };
        assert!(Options::default().compares());
        assert!(rows("e,opa").compares());
        assert!(!rows("e,zot").compares());
        let quick = Options {
            quick: true,
            ..Options::default()
        };
        assert!(!quick.compares());
        let other = Other {
            run: true,
            ..Other::default()
        };
        let run = Options {
            other,
            ..Options::default()
        };
        assert!(!run.compares());
    }

    #[test]
    fn the_path_of_zot_is_passed_on() {
        let options = Options {
            zot: Some("/opt/zot".into()),
            ..Options::default()
        };
        assert_eq!(options.arguments(), ["--zot", "/opt/zot"]);
    }
}
