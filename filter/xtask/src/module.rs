//! Converts the linked module to the one that ships: fewer exports, no names and no other custom
//! sections.
//!
//! The proxy-wasm SDK exports every callback there is, rustc cannot take an export back, and hosts
//! call each one that exists, some once per piece of a body.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{ExportSectionReader, ExternalKind, Parser, Payload, Validator};

/// Largest size of the module that ships: 1.45 MiB.
pub(crate) const MAX_SIZE: usize = 1_520_435;

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

/// Frees what the SDK allocates for a request, if `proxy_on_context_create` is the SDK's.
const DELETE: &str = "proxy_on_delete";

/// The module that ships.
pub(crate) struct Finished {
    /// The module in the binary format.
    pub(crate) bytes: Vec<u8>,
    /// The names of its exports, sorted.
    pub(crate) exports: Vec<String>,
}

/// Prunes and renames exports, drops custom sections, and validates the result. Idempotent.
///
/// # Errors
/// `linked` is not a module, lacks an export of the table, or the result is not valid.
pub(crate) fn finish(linked: &[u8]) -> anyhow::Result<Finished> {
    // The section of target features stays, since tools need it; names and producers do not.
    rewrite(linked, |custom| custom == FEATURES)
}

/// As [`finish`], but keeps the names of functions, for a profile.
///
/// # Errors
/// As [`finish`].
pub(crate) fn finish_with_names(linked: &[u8]) -> anyhow::Result<Finished> {
    rewrite(linked, |custom| custom == FEATURES || custom == NAMES)
}

/// Prunes and renames exports, and keeps the given custom sections.
fn rewrite(linked: &[u8], wanted: impl Fn(&str) -> bool) -> anyhow::Result<Finished> {
    let mut module = Module::new();
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(linked) {
        let payload = payload.context("the linked module cannot be read")?;
        match &payload {
            Payload::CustomSection(section) if !wanted(section.name()) => {}
            Payload::ExportSection(section) => {
                let (section, names) = prune(section)?;
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
    let bytes = module.finish();
    Validator::new()
        .validate_all(&bytes)
        .context("the finished module is not valid")?;
    check_complete(&exports)?;
    Ok(Finished { bytes, exports })
}

/// Returns the exports to keep under their final names.
fn prune(section: &ExportSectionReader<'_>) -> anyhow::Result<(ExportSection, Vec<String>)> {
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
        if EXPORTS.iter().any(|(kept, _)| *kept == name) || (deletes && name == DELETE) {
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

fn check_complete(exports: &[String]) -> anyhow::Result<()> {
    let present: BTreeSet<_> = exports.iter().map(String::as_str).collect();
    let missing: Vec<_> = EXPORTS
        .iter()
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
mod tests {
    use super::*;
    use wasm_encoder::{
        CodeSection, CustomSection, Function, FunctionSection, MemorySection, MemoryType,
        TypeSection,
    };

    /// A module with one empty function per name, the function's index being that of its name, and
    /// a memory.
    fn linked(functions: &[&str]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut declared = FunctionSection::new();
        let mut code = CodeSection::new();
        let mut exports = ExportSection::new();
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        exports.export("memory", ExportKind::Memory, 0);
        for (index, name) in (0..).zip(functions) {
            declared.function(0);
            let mut body = Function::new([]);
            body.instructions().end();
            code.function(&body);
            exports.export(name, ExportKind::Func, index);
        }
        let mut module = Module::new();
        module
            .section(&types)
            .section(&declared)
            .section(&memories)
            .section(&exports)
            .section(&code);
        for name in ["producers", "name"] {
            module.section(&CustomSection {
                name: name.into(),
                data: (&[]).into(),
            });
        }
        module.finish()
    }

    fn functions() -> Vec<&'static str> {
        EXPORTS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| *name != "memory")
            .collect()
    }

    fn index_of(module: &[u8], name: &str) -> Option<u32> {
        Parser::new(0)
            .parse_all(module)
            .find_map(|payload| match payload.unwrap() {
                Payload::ExportSection(section) => section
                    .into_iter()
                    .map(Result::unwrap)
                    .find(|export| export.name == name)
                    .map(|export| export.index),
                _ => None,
            })
    }

    #[test]
    fn only_the_exports_of_the_table_stay() {
        let mut names = functions();
        names.extend(["proxy_on_response_headers", "proxy_on_log", "__heap_base"]);
        let finished = finish(&linked(&names)).unwrap();
        let kept: BTreeSet<_> = finished.exports.iter().map(String::as_str).collect();
        assert_eq!(kept, EXPORTS.iter().map(|(name, _)| *name).collect());
        assert_eq!(index_of(&finished.bytes, "proxy_on_log"), None);
    }

    #[test]
    fn a_callback_of_our_own_takes_the_place_of_the_sdks_wherever_it_stands() {
        for event in ["request_headers", "memory_allocate"] {
            let (ours, theirs) = (
                format!("{OWN_CALLBACK}{event}"),
                format!("{CALLBACK}{event}"),
            );
            for place in [0, functions().len()] {
                let mut names = functions();
                names.insert(place, &ours);
                let finished = finish(&linked(&names)).unwrap();
                assert_eq!(
                    index_of(&finished.bytes, &theirs),
                    Some(u32::try_from(place).unwrap()),
                    "{event}"
                );
                assert_eq!(index_of(&finished.bytes, &ours), None);
            }
        }
    }

    #[test]
    fn what_the_sdk_makes_for_a_request_is_deleted_and_what_it_does_not_make_is_not() {
        for own in [false, true] {
            let mut names = functions();
            names.push(DELETE);
            if own {
                names.push("registry_auth_on_context_create");
            }
            assert_eq!(
                index_of(&finish(&linked(&names)).unwrap().bytes, DELETE).is_none(),
                own
            );
        }
    }

    #[test]
    fn without_a_callback_of_our_own_the_sdks_stays() {
        let names = functions();
        let theirs = "proxy_on_request_headers";
        let sdk = names.iter().position(|name| *name == theirs).unwrap();
        let finished = finish(&linked(&names)).unwrap();
        assert_eq!(
            index_of(&finished.bytes, theirs),
            Some(u32::try_from(sdk).unwrap())
        );
    }

    #[test]
    fn custom_sections_go_but_a_profile_has_the_names() {
        let custom = |module: &Finished| -> Vec<String> {
            let name = |payload| match payload {
                Payload::CustomSection(section) => Some(section.name().to_owned()),
                _ => None,
            };
            Parser::new(0)
                .parse_all(&module.bytes)
                .filter_map(|payload| name(payload.unwrap()))
                .collect()
        };
        let linked = linked(&functions());
        assert!(custom(&finish(&linked).unwrap()).is_empty());
        assert_eq!(custom(&finish_with_names(&linked).unwrap()), ["name"]);
    }

    #[test]
    fn a_missing_callback_is_named_with_its_reason() {
        let names: Vec<_> = functions()
            .into_iter()
            .filter(|name| *name != "proxy_on_tick")
            .collect();
        let message = finish(&linked(&names)).err().unwrap().to_string();
        assert!(
            message.contains("`proxy_on_tick` (background refresh"),
            "{message}"
        );
        assert!(!message.contains("proxy_on_configure"), "{message}");
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_byte_more_is_not() {
        check_size(MAX_SIZE).unwrap();
        let message = check_size(MAX_SIZE + 1).unwrap_err().to_string();
        assert_eq!(
            message,
            "the module has 1520436 bytes, 1 more than the limit of 1520435"
        );
    }

    #[test]
    fn what_is_not_a_module_is_an_error() {
        assert!(finish(b"not a module").is_err());
        assert!(finish(&linked(&functions())[..40]).is_err());
    }
}
