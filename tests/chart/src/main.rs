//! Tests of the Helm chart and of the examples for workloads, with the real programs: helm, the
//! schemas of Kubernetes, promtool, actionlint.
//!
//! `cargo xtask chart` installs them and runs this.

#[cfg(test)]
mod gateways;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod workloads;
