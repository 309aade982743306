//! Converts the linked module to those that ship: fewer exports and imports, no names and no other
//! custom sections.
//!
//! The proxy-wasm SDK exports every callback there is, rustc cannot take an export back, and hosts
//! call each one that exists, some once per piece of a body. Other hosts call each one that the ABI
//! has, through a null pointer if it does not exist: for them is a second module with all.

mod imports;

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use imports::Stubs;
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{ExportSectionReader, ExternalKind, Parser, Payload, Validator};

/// Largest size of the module that ships: 1.5 MiB.
pub(crate) const MAX_SIZE: usize = 1_572_864;

/// Prefix of our own callbacks, which replace those of the SDK with the prefix [`CALLBACK`].
const OWN_CALLBACK: &str = "registry_auth_on_";
const CALLBACK: &str = "proxy_on_";
const FEATURES: &str = "target_features";
const NAMES: &str = "name";

/// The exports to keep, each with the reason.
const EXPORTS: [(&str, &str); 12] = [
    ("memory", "the host reads and writes it"),
    (
        "_initialize",
        "static initialisers; registers the root context",
    ),
    ("proxy_abi_version_0_2_1", "declares the version of the ABI"),
    (
        "proxy_on_memory_allocate",
        "the host hands over values through it",
    ),
    (
        "proxy_on_context_create",
        "which plugin configuration a request comes under",
    ),
    ("proxy_on_vm_start", "some hosts insist on it; once per VM"),
    ("proxy_on_configure", "compiles the configuration"),
    (
        "proxy_on_tick",
        "background refresh, pushed keys, time limits of waiting requests",
    ),
    ("proxy_on_request_headers", "decides"),
    (
        "proxy_on_request_body",
        "the intake and the token endpoint read bodies",
    ),
    (
        "proxy_on_request_trailers",
        "a body that is read may end with them",
    ),
    (
        "proxy_on_http_call_response",
        "discovery documents, keys, tags, the catalog",
    ),
];

/// Callbacks of proxy-wasm 0.2.1 without a use here, each our own, since the SDK's trap on contexts
/// that it does not know.
const UNUSED: [&str; 17] = [
    "proxy_on_delete",
    "proxy_on_done",
    "proxy_on_downstream_connection_close",
    "proxy_on_downstream_data",
    "proxy_on_foreign_function",
    "proxy_on_grpc_close",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_receive_initial_metadata",
    "proxy_on_grpc_receive_trailing_metadata",
    "proxy_on_log",
    "proxy_on_new_connection",
    "proxy_on_queue_ready",
    "proxy_on_response_body",
    "proxy_on_response_headers",
    "proxy_on_response_trailers",
    "proxy_on_upstream_connection_close",
    "proxy_on_upstream_data",
];

/// Frees what the SDK allocates for a request, if `proxy_on_context_create` is the SDK's.
const DELETE: &str = "proxy_on_delete";

/// For which hosts a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Those that call the callbacks that exist, such as Envoy.
    Small,
    /// Those that call every callback of the ABI, or lack its clock.
    Full,
}

impl Variant {
    fn exports(self, name: &str) -> bool {
        EXPORTS.iter().any(|(kept, _)| *kept == name)
            || (self == Self::Full && UNUSED.contains(&name))
    }

    const fn stubs(self) -> Stubs {
        match self {
            Self::Small => Stubs::NotCalled,
            Self::Full => Stubs::AndClock,
        }
    }
}

/// A module that ships.
pub(crate) struct Finished {
    /// The module in the binary format.
    pub(crate) bytes: Vec<u8>,
    /// The names of its exports, sorted.
    pub(crate) exports: Vec<String>,
}

/// Prunes and renames exports, replaces imports, drops custom sections, and validates the result.
/// Idempotent.
///
/// # Errors
/// `linked` is not a module, lacks a callback of the variant, or the result is not valid.
pub(crate) fn finish(linked: &[u8], variant: Variant) -> anyhow::Result<Finished> {
    // The section of target features stays, since tools need it; names and producers do not.
    let mut finished = rewrite(linked, variant, |custom| custom == FEATURES)?;
    finished.bytes = imports::stub(&finished.bytes, variant.stubs())?;
    validate(&finished.bytes)?;
    Ok(finished)
}

/// As [`finish`], but keeps the names of functions, for a profile, and all imports.
///
/// # Errors
/// As [`finish`].
pub(crate) fn finish_with_names(linked: &[u8]) -> anyhow::Result<Finished> {
    let finished = rewrite(linked, Variant::Small, |custom| {
        custom == FEATURES || custom == NAMES
    })?;
    validate(&finished.bytes)?;
    Ok(finished)
}

fn validate(module: &[u8]) -> anyhow::Result<()> {
    Validator::new()
        .validate_all(module)
        .context("the finished module is not valid")?;
    Ok(())
}

/// Prunes and renames exports, and keeps the given custom sections.
fn rewrite(
    linked: &[u8],
    variant: Variant,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Finished> {
    let mut module = Module::new();
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(linked) {
        let payload = payload.context("the linked module cannot be read")?;
        match &payload {
            Payload::CustomSection(section) if !wanted(section.name()) => {}
            Payload::ExportSection(section) => {
                let (section, names) = prune(section, variant)?;
                module.section(&section);
                exports = names;
            }
            _ => {
                if let Some((id, range)) = payload.as_section() {
                    let data = linked.get(range).context("the linked module ends early")?;
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    check_complete(&exports, variant)?;
    Ok(Finished {
        bytes: module.finish(),
        exports,
    })
}

/// Returns the exports to keep under their final names.
fn prune(
    section: &ExportSectionReader<'_>,
    variant: Variant,
) -> anyhow::Result<(ExportSection, Vec<String>)> {
    let linked = section
        .clone()
        .into_iter()
        .collect::<Result<Vec<_>, _>>()
        .context("the export section cannot be read")?;
    let own: BTreeSet<String> = linked
        .iter()
        .filter_map(|export| own_callback(export.name))
        .collect();
    let deletes = !own.contains("proxy_on_context_create");
    let mut kept = ExportSection::new();
    let mut names = Vec::new();
    for export in linked {
        if own.contains(export.name) {
            continue;
        }
        let name = own_callback(export.name).unwrap_or_else(|| export.name.to_owned());
        if variant.exports(&name) || (deletes && name == DELETE) {
            kept.export(&name, kind(export.kind)?, export.index);
            names.push(name);
        }
    }
    Ok((kept, names))
}

/// Returns the name under which hosts call a callback of our own.
fn own_callback(name: &str) -> Option<String> {
    name.strip_prefix(OWN_CALLBACK)
        .map(|event| format!("{CALLBACK}{event}"))
}

fn kind(kind: ExternalKind) -> anyhow::Result<ExportKind> {
    match kind {
        ExternalKind::Func => Ok(ExportKind::Func),
        ExternalKind::Memory => Ok(ExportKind::Memory),
        other => bail!("the module exports a {other:?} under the name of a callback"),
    }
}

fn check_complete(exports: &[String], variant: Variant) -> anyhow::Result<()> {
    let present: BTreeSet<_> = exports.iter().map(String::as_str).collect();
    let unused = UNUSED
        .iter()
        .filter(|name| variant.exports(name))
        .map(|name| (*name, "some hosts call it"));
    let missing: Vec<_> = EXPORTS
        .into_iter()
        .chain(unused)
        .filter(|(name, _)| !present.contains(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing
        .iter()
        .map(|(name, reason)| format!("`{name}` ({reason})"))
        .collect();
    bail!("the linked module lacks {}", lines.join(", "))
}

/// # Errors
/// More than [`MAX_SIZE`] bytes.
pub(crate) fn check_size(size: usize) -> anyhow::Result<()> {
    if size > MAX_SIZE {
        bail!(
            "the module has {size} bytes, {} more than the limit of {MAX_SIZE}",
            size - MAX_SIZE
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
