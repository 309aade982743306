//! Reads, compares and renews `budgets.json`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::module;
use registry_auth_harness::workload::{self, ALGORITHMS};
use registry_auth_vm::Vm;
use serde::{Deserialize, Serialize};

const FILE: &str = "tests/suite/wasm/src/budgets.json";
/// Environment variable: if set, the file is written instead of compared.
const RENEW: &str = "REGISTRY_AUTH_RENEW";
const TEST: &str = "cargo test -p registry-auth-suite-wasm budgets";

/// The cost of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cost {
    /// Host calls by name, those of WASI among them.
    host_calls: BTreeMap<String, u64>,
    /// Fuel of wasmtime: about one for each instruction.
    fuel: u64,
}

impl Cost {
    /// Everything since the VM was started, its start included.
    pub(super) fn of(vm: &Vm) -> Self {
        let host_calls = vm
            .host_calls()
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        Self {
            host_calls,
            fuel: vm.fuel_used(),
        }
    }

    /// Returns the cost since `earlier`.
    pub(super) fn since(mut self, earlier: &Self) -> Self {
        for (name, count) in &mut self.host_calls {
            *count -= earlier.host_calls.get(name).copied().unwrap_or(0);
        }
        self.host_calls.retain(|_, count| *count > 0);
        self.fuel -= earlier.fuel;
        self
    }

    /// How this differs from what was, in words.
    fn differences(&self, old: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.fuel != old.fuel {
            differences.push(format!("fuel {}", change(old.fuel, self.fuel)));
        }
        let names: std::collections::BTreeSet<_> = self
            .host_calls
            .keys()
            .chain(old.host_calls.keys())
            .collect();
        let count = |cost: &Self, name: &String| cost.host_calls.get(name).copied().unwrap_or(0);
        for name in names
            .into_iter()
            .filter(|name| count(self, name) != count(old, name))
        {
            differences.push(format!(
                "{name} {}",
                change(count(old, name), count(self, name))
            ));
        }
        differences
    }
}

/// `old -> new`, with the difference in percent.
fn change(old: u64, new: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a rounded percentage is enough")]
    let percent = (new as f64 / old as f64 - 1.0) * 100.0;
    if old == 0 {
        format!("{old} -> {new}")
    } else {
        format!("{old} -> {new} ({percent:+.2} %)")
    }
}

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Maximum size of the module in bytes. Raised by hand.
    module_bytes_at_most: u64,
    /// Growth of the module's memory by the number of cached tokens.
    memory: BTreeMap<usize, usize>,
    /// By the names of the rows.
    costs: BTreeMap<String, Cost>,
    /// A token for each algorithm. They stay: most signatures are random, and not all take equally
    /// long to verify.
    tokens: BTreeMap<String, String>,
}

/// The budgets of the file, and the measured values.
pub(super) struct Table {
    written: File,
    found: File,
    size: u64,
}

impl Table {
    /// Reads the file. Renewed for the first time, it gets tokens that are good at `now`.
    ///
    /// # Errors
    /// It is malformed.
    pub(super) fn read(now: UnixTime) -> Result<Self> {
        let text = fs::read_to_string(module::workspace().join(FILE));
        let mut written = match text {
            Err(_) if renews() => File {
                module_bytes_at_most: u64::MAX,
                ..File::default()
            },
            text => serde_json::from_str(&text.context(FILE)?).context(FILE)?,
        };
        for algorithm in ALGORITHMS.iter().filter(|_| renews()) {
            if !written.tokens.contains_key(algorithm.name) {
                written
                    .tokens
                    .insert(algorithm.name.to_owned(), workload::token(*algorithm, now)?);
            }
        }
        let found = File {
            costs: BTreeMap::new(),
            memory: BTreeMap::new(),
            ..written.clone()
        };
        Ok(Self {
            written,
            found,
            size: 0,
        })
    }

    /// The token for an algorithm.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn token(&self, algorithm: &str) -> Result<&str> {
        let token = self.written.tokens.get(algorithm).map(String::as_str);
        token.with_context(|| format!("`{FILE}` has no token for {algorithm}"))
    }

    /// Records a cost.
    pub(super) fn found(&mut self, name: &str, cost: Cost) {
        self.found.costs.insert(name.to_owned(), cost);
    }

    /// Records the growth of memory.
    pub(super) fn found_memory(&mut self, identities: usize, bytes: usize) {
        self.found.memory.insert(identities, bytes);
    }

    /// Records the size of the module.
    pub(super) const fn found_size(&mut self, bytes: u64) {
        self.size = bytes;
    }

    /// Compares what was found with the file, or writes the file when `REGISTRY_AUTH_RENEW` is set.
    ///
    /// # Errors
    /// They differ, or the module is too large, which no renewal changes.
    pub(super) fn check(&self) -> Result<()> {
        if renews() {
            let text = serde_json::to_string_pretty(&self.found)?;
            fs::write(module::workspace().join(FILE), text + "\n").context(FILE)?;
        }
        let differences = if renews() {
            Vec::new()
        } else {
            self.differences()
        };
        let faults: Vec<_> = self.oversize().into_iter().chain(differences).collect();
        ensure!(
            faults.is_empty(),
            "`{FILE}` says otherwise; if that is meant, `{RENEW}=1 {TEST}` updates it\n{}",
            faults.join("\n")
        );
        Ok(())
    }

    fn oversize(&self) -> Option<String> {
        let (size, limit) = (self.size, self.written.module_bytes_at_most);
        (size > limit).then(|| {
            format!("the module has {size} bytes, more than {limit}: make it smaller, or raise `module_bytes_at_most` by hand")
        })
    }

    fn differences(&self) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, cost) in &self.found.costs {
            match self.written.costs.get(name) {
                Some(old) => {
                    differences.extend(
                        cost.differences(old)
                            .into_iter()
                            .map(|what| format!("{name}: {what}")),
                    );
                }
                None => differences.push(format!("{name}: is new")),
            }
        }
        let gone = self
            .written
            .costs
            .keys()
            .filter(|name| !self.found.costs.contains_key(*name));
        differences.extend(gone.map(|name| format!("{name}: is no row any more")));
        if self.found.memory != self.written.memory {
            differences.push(format!(
                "memory: {:?} -> {:?}",
                self.written.memory, self.found.memory
            ));
        }
        differences
    }
}

fn renews() -> bool {
    std::env::var_os(RENEW).is_some()
}
