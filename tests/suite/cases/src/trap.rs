//! Adds a trap to the built module, which the shipped one does not have.

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_harness::client::Request;
use serde_json::{Value, json};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, Module, RawSection,
};
use wasmparser::{
    ExportSectionReader, ExternalKind, FunctionSectionReader, Parser, Payload, TypeRef, Validator,
};

/// A request with at least this number of header fields, pseudo header fields among them, traps.
pub const FIELDS: u32 = 64;

const HEADERS_CALLBACK: &str = "proxy_on_request_headers";

/// Where the headers callback of a module is.
#[derive(Default)]
struct Callback {
    imported: u32,
    /// Types of the module's own functions.
    types: Vec<u32>,
    index: u32,
}

/// A configuration that opens `public/**`, with an issuer whose keys have to be fetched.
#[must_use]
pub fn configuration() -> Value {
    let oidc = json!([{ "issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers" }]);
    json!({ "http": {
        "auth": { "bearer": { "oidc": oidc } },
        "accessControl": { "repositories": { "public/**": { "anonymousPolicy": ["read"] } } },
    } })
}

/// A request that is let through.
#[must_use]
pub fn good() -> Request {
    Request::new("GET", "/v2/public/app/tags/list")
}

/// The request that traps.
#[must_use]
pub fn trapping() -> Request {
    (0..FIELDS).fold(good(), |request, number| {
        request.header(&format!("x-{number}"), "1")
    })
}

/// Puts a function in front of the headers callback that traps at a request of [`FIELDS`] header
/// fields.
///
/// # Errors
/// It is no module, or has no headers callback.
pub fn lay(module: &[u8]) -> Result<Vec<u8>> {
    let callback = find(module)?;
    let own = callback
        .index
        .checked_sub(callback.imported)
        .context("the headers callback is imported")?;
    let kind = *callback
        .types
        .get(own as usize)
        .context("the headers callback is not there")?;
    let trap = callback.imported + u32::try_from(callback.types.len())?;
    let mut out = Module::new();
    let mut bodies = CodeSection::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::FunctionSection(section) => out.section(&declared(section, kind)?),
            Payload::ExportSection(section) => out.section(&exported(section, trap)?),
            Payload::CodeSectionEntry(body) => {
                bodies.raw(module.get(body.range()).context("the code ends early")?);
                continue;
            }
            Payload::CodeSectionStart { .. } => continue,
            _ => {
                let Some((id, range)) = payload.as_section() else {
                    continue;
                };
                // Data comes after code.
                if id == wasm_encoder::SectionId::Data as u8 {
                    out.section(bodies.function(&headers_callback(callback.index)));
                    bodies = CodeSection::new();
                }
                out.section(&RawSection {
                    id,
                    data: module.get(range).context("a section ends early")?,
                })
            }
        };
    }
    ensure!(bodies.is_empty(), "there is no data behind the code");
    let out = out.finish();
    Validator::new().validate_all(&out)?;
    Ok(out)
}

fn find(module: &[u8]) -> Result<Callback> {
    let mut callback = Callback::default();
    let mut found = None;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    callback.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::FunctionSection(section) => {
                callback.types = section.into_iter().collect::<Result<_, _>>()?;
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    found =
                        found.or_else(|| (export.name == HEADERS_CALLBACK).then_some(export.index));
                }
            }
            _ => {}
        }
    }
    callback.index = found.context("the module has no headers callback")?;
    Ok(callback)
}

fn declared(section: &FunctionSectionReader<'_>, more: u32) -> Result<FunctionSection> {
    let mut declared = FunctionSection::new();
    for kind in section.clone() {
        declared.function(kind?);
    }
    declared.function(more);
    Ok(declared)
}

fn exported(section: &ExportSectionReader<'_>, callback: u32) -> Result<ExportSection> {
    let mut exported = ExportSection::new();
    for export in section.clone() {
        let export = export?;
        match export.kind {
            ExternalKind::Func if export.name == HEADERS_CALLBACK => {
                exported.export(export.name, ExportKind::Func, callback)
            }
            ExternalKind::Func => exported.export(export.name, ExportKind::Func, export.index),
            ExternalKind::Memory => exported.export(export.name, ExportKind::Memory, export.index),
            other => bail!("the module exports a {other:?}"),
        };
    }
    Ok(exported)
}

fn headers_callback(callback: u32) -> Function {
    let (context, fields, ended) = (0, 1, 2);
    let mut body = Function::new([]);
    let mut code = body.instructions();
    code.local_get(fields)
        .i32_const(FIELDS.cast_signed())
        .i32_ge_u();
    code.if_(wasm_encoder::BlockType::Empty).unreachable().end();
    code.local_get(context)
        .local_get(fields)
        .local_get(ended)
        .call(callback)
        .end();
    body
}
