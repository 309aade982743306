//! `run --check`: what would be done.

use std::collections::BTreeSet;
use std::io::{Write as _, stdout};
use std::path::PathBuf;

use anyhow::Context as _;
use registry_auth_render::{Cluster, Endpoint, Trust};

use super::binary::Binary;
use super::options::Arguments;
use super::plan::Plan;

/// Prints it to stdout, one fact a line.
///
/// # Errors
/// stdout cannot be written to.
pub(crate) fn print(
    plan: &Plan,
    binary: &Binary,
    files: &BTreeSet<PathBuf>,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let mut text = String::new();
    for line in lines(plan, binary, files, arguments) {
        text.push_str(&line);
        text.push('\n');
    }
    stdout()
        .lock()
        .write_all(text.as_bytes())
        .context("cannot write to stdout")
}

fn lines(
    plan: &Plan,
    binary: &Binary,
    files: &BTreeSet<PathBuf>,
    arguments: &Arguments,
) -> Vec<String> {
    let completed = &plan.completed;
    let listener = &completed.listener;
    let tls = match &listener.tls {
        None => "plain HTTP",
        Some(tls) if tls.client_authorities.is_some() => "TLS, client certificates",
        Some(_) => "TLS",
    };
    let mut lines = vec![
        format!(
            "envoy: {} (version {})",
            binary.path.display(),
            binary.version
        ),
        match &arguments.module {
            Some(file) => format!("module: {}", file.display()),
            None => "module: that of this program".to_owned(),
        },
        format!(
            "listener: {} ({tls})",
            std::net::SocketAddr::new(listener.address, listener.port)
        ),
        format!("registry: {}", cluster(&completed.upstream)),
    ];
    lines.extend(
        completed
            .issuers
            .iter()
            .map(|issuer| format!("issuer: {}", cluster(issuer))),
    );
    lines.extend(
        plan.sets
            .iter()
            .map(|set| format!("pushed keys: {}", set.name)),
    );
    lines.push(if arguments.no_listen {
        "endpoints: none".to_owned()
    } else {
        format!("endpoints: {}", arguments.listen)
    });
    lines.extend(files.iter().map(|file| format!("file: {}", file.display())));
    lines.extend(
        completed
            .environment
            .iter()
            .map(|name| format!("environment of the filter: {name}")),
    );
    lines.extend(
        completed
            .assumptions
            .iter()
            .map(|line| format!("assumed: {line}")),
    );
    lines.extend(
        completed
            .warnings
            .iter()
            .map(|warning| format!("warning: {warning}")),
    );
    lines.extend(plan.differences.iter().map(|line| format!("zot: {line}")));
    lines
}

fn cluster(cluster: &Cluster) -> String {
    let endpoint = match &cluster.endpoint {
        Endpoint::Host(host, port) if host.contains(':') => format!("[{host}]:{port}"),
        Endpoint::Host(host, port) => format!("{host}:{port}"),
        Endpoint::Unix(path) => format!("unix:{path}"),
    };
    let tls = match &cluster.tls {
        None => "plain HTTP".to_owned(),
        Some(tls) => {
            let trust = match &tls.trust {
                Trust::System => "the system's authorities".to_owned(),
                Trust::File(path) => format!("the authorities in {path}"),
                Trust::Text(_) => "the authorities in the configuration".to_owned(),
            };
            format!("TLS, {}, {trust}", tls.server)
        }
    };
    format!("{} at {endpoint} ({tls})", cluster.name)
}
