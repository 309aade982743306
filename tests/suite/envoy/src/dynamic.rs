//! The dynamic module: which of the tests it is for, and rows that only it has. `cargo xtask test --only dynamic` runs them, with
//! `REGISTRY_AUTH_MODULE_KIND=native`.

use anyhow::{Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_engine::compile::compile;
use registry_auth_engine::config;
use registry_auth_harness::envoy::{self, Bootstrap, Listener};
use registry_auth_harness::module;
use registry_auth_harness::scenario::Scenarios;
use serde_json::{Value, json};

/// How the tests of a module of this package are run with the dynamic module.
enum Runs {
    /// With every change.
    Always,
    /// By `cargo xtask test --only dynamic-long`.
    Long(&'static str),
    /// They are for the WebAssembly module alone.
    Other(&'static str),
}
use Runs::{Always, Long, Other};

/// All modules of this package.
const MODULES: &[(&str, Runs)] = &[
    ("client_address", Always),
    (
        "clients",
        Long("the registries and clients of the matrix take minutes"),
    ),
    ("conformance", Long("the suite of the OCI takes minutes")),
    ("credential", Always),
    ("crowd", Always),
    ("delay", Always),
    ("dynamic", Always),
    (
        "explained",
        Long("it compares the command `explain` with decisions"),
    ),
    (
        "failures",
        Long("the failures around the filter take minutes"),
    ),
    ("fields", Other("the host hands over no bodies")),
    ("hostile", Always),
    (
        "hosts",
        Other("the versions of Envoy that load WebAssembly"),
    ),
    (
        "kube",
        Long("it needs an API server, which is there after `cargo xtask kube`"),
    ),
    ("minting", Always),
    ("mounts", Always),
    ("mtls", Always),
    ("names", Always),
    ("parking", Always),
    ("pushed", Always),
    ("records", Always),
    ("refused", Always),
    ("reload", Always),
    (
        "rendered",
        Other("`render` writes the filter for WebAssembly"),
    ),
    ("routes", Always),
    (
        "run",
        Other("`run` starts Envoy with the WebAssembly module"),
    ),
    ("scenarios", Always),
    (
        "shipped",
        Other("`envoy/envoy.yaml` has the filter for WebAssembly"),
    ),
    ("token_server", Always),
    ("traps", Other("there is no VM that could trap")),
    ("virtual_host", Always),
    ("workloads", Long("it tries an action of a forge")),
    ("wycheproof", Other("signatures are verified in the module")),
];

const OPEN: &str =
    r#"{"http": {"accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}}}}"#;

/// Each module of the package is in the table, and what the table leaves out is what xtask skips.
#[test]
fn the_table_has_each_module_and_xtask_runs_what_it_says() {
    let sources = include_str!("main.rs");
    let written: Vec<&str> = sources
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let known: Vec<&str> = MODULES.iter().map(|(name, _)| *name).collect();
    assert_eq!(written, known);
    let steps = include_str!("../../../../filter/xtask/src/test/steps.rs");
    let listed = |list: &str| {
        let (_, after) = steps.split_once(list)?;
        after.split_once("];").map(|(list, _)| list)
    };
    let [always, long] =
        ["const DYNAMIC: ", "const DYNAMIC_LONG: "].map(|list| listed(list).unwrap());
    for (name, runs) in MODULES {
        let is_in = |list: &str| list.contains(&format!("    \"{name}::\",\n"));
        let (expected, why) = match runs {
            Always => ((true, false), "with every change"),
            Long(why) => ((false, true), *why),
            Other(why) => ((false, false), *why),
        };
        assert_eq!((is_in(always), is_in(long)), expected, "{name}: {why}");
        assert!(!why.is_empty());
    }
}

/// Leaves out of the scenarios what Envoy does not tell a dynamic module: configurations that need the whole client certificate,
/// each of which has to be refused, and their rows.
pub(crate) fn without_whole_certificates(files: &mut [Scenarios]) -> Result<()> {
    let mut refused = 0;
    for file in files {
        let mut left_out = Vec::new();
        for (name, config) in &file.configs {
            if needs_certificate(&config.plugin) {
                let bootstrap = bootstrap(&config.plugin.to_string(), true)?;
                let (started, log) = envoy::validate(&envoy::binary()?, &bootstrap)?;
                ensure!(
                    !started && log.contains("needs the whole client certificate"),
                    "{}.json, {name}: {log}",
                    file.name
                );
                left_out.push(name.clone());
            }
        }
        refused += left_out.len();
        file.configs.retain(|name, _| !left_out.contains(name));
        file.rows.retain(|row| !left_out.contains(&row.config));
    }
    ensure!(refused > 0, "nothing was left out");
    Ok(())
}

fn needs_certificate(plugin: &Value) -> bool {
    let (config::Role::Filter(document), mut diagnostics) = config::decode_value(plugin.clone())
    else {
        return false;
    };
    compile(&document, &mut diagnostics)
        .is_some_and(|compiled| compiled.engine.needs_certificate().is_some())
}

fn bootstrap(configuration: &str, secured: bool) -> Result<Value> {
    Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "main".to_owned(),
            configuration: configuration.to_owned(),
            vm_id: "dynamic".to_owned(),
            secured,
            ..Listener::default()
        }],
        ..Bootstrap::default()
    }
    .to_json()
}

#[test]
#[ignore = "for the dynamic module: `cargo xtask test --only dynamic`"]
fn what_envoy_does_not_tell_of_certificates_is_refused_at_the_start() -> Outcome {
    Ok(check_certificates()?)
}

fn check_certificates() -> Result<()> {
    let envoy = envoy::binary()?;
    let with = |mtls: Value| json!({"http": {"auth": {"mtls": mtls}}}).to_string();
    for (mtls, what) in [
        (json!({"identityAttributes": ["Email"]}), "Email"),
        (json!({"identityAttributes": ["Subject"]}), "Subject"),
        (
            json!({"identityAttributes": ["URI"], "uriSanIndex": 1}),
            "uriSanIndex",
        ),
        (
            json!({"identityAttributes": ["DNSName"], "dnsSanIndex": 1}),
            "dnsSanIndex",
        ),
    ] {
        let (started, log) = envoy::validate(&envoy, &bootstrap(&with(mtls), true)?)?;
        let says = log.contains("http.auth.mtls")
            && log.contains(what)
            && log.contains("Envoy with the WebAssembly module hands to the filter");
        ensure!(!started && says, "{what}: {log}");
    }
    let (started, log) = envoy::validate(&envoy, &bootstrap(&with(json!({})), true)?)?;
    ensure!(started, "{log}");
    ensure!(
        log.contains("does not say when a client certificate expires"),
        "{log}"
    );
    Ok(())
}

#[test]
#[ignore = "for the dynamic module: `cargo xtask test --only dynamic`"]
fn another_version_of_envoy_is_refused() -> Outcome {
    Ok(check_version()?)
}

fn check_version() -> Result<()> {
    let oldest = envoy::of_version("1.36.4")?;
    let (started, log) = envoy::validate(&oldest, &bootstrap(OPEN, false)?)?;
    ensure!(!started, "{log}");
    // It lacks functions that the module calls.
    let lacks = log.contains("undefined symbol: envoy_dynamic_module_callback_");
    ensure!(lacks || log.contains("made for Envoy 1.40"), "{log}");
    Ok(())
}
