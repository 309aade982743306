//! The rows of `tests/hosts` on hosts of proxy-wasm that are not Envoy. `cargo xtask hosts` builds
//! them, and runs this.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use registry_auth_harness::driven::Driven;
use registry_auth_harness::expect::Outcome;
use registry_auth_harness::hosts;
use registry_auth_harness::module::{self, workspace};
use registry_auth_harness::scenario::Scenarios;
use registry_auth_harness::substrate::Substrate as _;

/// A host, as `docs/hosts.md` calls it.
struct Host {
    name: &'static str,
    /// The program, in `target/hosts`.
    program: &'static str,
    module: fn() -> Result<PathBuf>,
    /// The configurations that it can serve.
    sets: &'static [&'static str],
}

const PROXY_WASM_HOST: Host = Host {
    name: "proxy-wasm-host 0.2.0",
    program: "wasm_host",
    module: module::path,
    sets: &["inline", "callouts", "pushed"],
};
/// With the clock of the system, and copies of what the module hands over. It gives the module no
/// environment, so that there is no push key.
const PROXYTEST: Host = Host {
    name: "proxytest of proxy-wasm-go-sdk 0.24.0, mended",
    program: "proxytest-mended",
    module: module::full,
    sets: &["inline", "callouts"],
};
/// As it comes: its clock stands still in 2022.
const PROXYTEST_OF_2022: Host = Host {
    name: "proxytest of proxy-wasm-go-sdk 0.24.0",
    program: "proxytest",
    ..PROXYTEST
};

impl Host {
    fn substrate(&self) -> Result<Driven> {
        let (program, module) = (
            workspace().join("target/hosts").join(self.program),
            (self.module)()?,
        );
        Driven::new(move || {
            let mut command = Command::new(&program);
            command.arg(&module);
            command
        })
    }

    fn rows(&self) -> Result<Vec<Scenarios>> {
        let mut sets = hosts::sets()?;
        sets.retain(|set| self.sets.contains(&&*set.name));
        Ok(sets)
    }

    fn measure(&self) -> Result<()> {
        let (measured, texts) = hosts::measure(self.name, &mut self.substrate()?, &self.rows()?)?;
        hosts::record(&measured, &texts)
    }
}

#[test]
fn rows_on_proxy_wasm_host() -> Result<()> {
    PROXY_WASM_HOST.measure()
}

#[test]
fn rows_on_proxytest_mended() -> Result<()> {
    PROXYTEST.measure()
}

/// A clock that is behind the module's build lets no request through.
#[test]
fn nothing_is_decided_by_a_clock_of_2022() -> Result<()> {
    let host = PROXYTEST_OF_2022;
    let mut substrate = host.substrate()?;
    for set in host.rows()? {
        for config in set.configs.values() {
            let number = substrate.serve(config)?;
            for row in &set.rows {
                let request = set.request(row, substrate.now())?;
                let outcome = substrate.send(number, &request)?;
                let Outcome::Answered(response) = outcome else {
                    bail!("`{}` reached the upstream", row.name)
                };
                assert_eq!(response.status, 503, "{}", row.name);
            }
        }
    }
    Ok(())
}
