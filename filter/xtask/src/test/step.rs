//! The steps of a run of the tests, and how each is done.

use clap::ValueEnum;

use super::counts::Counts;
use crate::workspace::Workspace;
use crate::{
    bench, build, dynamic, fuzz, image, playground, process, release, toolchain, tools, words,
};

/// The kinds of steps.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
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
    /// The dynamic module in a real Envoy
    Dynamic,
    /// The same as it ships, and with clients, failures and an API server: only where it is named
    DynamicLong,
    /// The fuzz targets with the inputs that are kept of them
    Fuzz,
    /// Alerts and dashboard with Prometheus, under failures
    Observability,
}

/// A step of the run.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// The parts that the step belongs to.
    pub(super) parts: &'static [Part],
    pub(super) work: Work,
}

/// What a step does.
pub(super) enum Work {
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
    /// `cargo doc` of the packages that are always built together, with warnings as errors.
    Doc(&'static [&'static str]),
    /// `cargo test` of the packages that are always built together; at least one test has to run.
    Tests(&'static [&'static str]),
    /// The dynamic module as it ships.
    BuildDynamic,
    /// The dynamic module as the tests are built.
    BuildDynamicTested,
    /// As [`Work::Tests`], with the dynamic module in Envoy.
    TestsDynamic(&'static [&'static str]),
    /// A program of them.
    Program(&'static str),
    /// Every fuzz target with its kept corpus, each counted as a test.
    Fuzz,
}

impl Work {
    /// Does it, and counts the tests.
    ///
    /// # Errors
    /// It fails; its output is on the terminal.
    pub(super) fn run(&self, workspace: &Workspace, tests: &mut Counts) -> anyhow::Result<()> {
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
            Self::Doc(arguments) => process::run(
                workspace
                    .tested("doc", arguments)
                    .env("RUSTDOCFLAGS", "-Dwarnings"),
            ),
            Self::Tests(arguments) => tests.run(&mut workspace.tested("test", arguments)),
            Self::BuildDynamic => dynamic::build(workspace),
            Self::BuildDynamicTested => dynamic::build_tested(workspace),
            Self::TestsDynamic(arguments) => {
                let mut command = workspace.tested("test", arguments);
                tests.run(command.env("REGISTRY_AUTH_MODULE_KIND", "native"))
            }
            Self::Program(name) => process::run(&mut workspace.program(name)?),
            Self::Fuzz => {
                tests.passed += fuzz::replay(workspace)?;
                Ok(())
            }
        }
    }
}
