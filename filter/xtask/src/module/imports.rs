//! Replaces imports that are never called by functions of the module, so that hosts which lack them
//! can load it.
//!
//! The SDK has each host call of the ABI behind a default method of a trait, which no implementation
//! can leave out, and the standard library has output and an end of the process. A host must have
//! all that is imported, and many lack some of these. A stub that is called all the same fails as a
//! host would that has no such call, and never looks like a success.

use anyhow::Context as _;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{CodeSection, Function, FunctionSection, ImportSection, Module};
use wasmparser::{
    CodeSectionReader, FuncType, FunctionSectionReader, Import, ImportSectionReader, Parser,
    Payload, TypeRef, ValType,
};

/// The host calls of the ABI.
const HOST: &str = "env";
/// `UNIMPLEMENTED` of `proxy_status_t`; the SDK traps on it.
const UNIMPLEMENTED: i32 = 12;
/// `ENOSYS` of WASI.
const NO_SUCH_CALL: i32 = 52;

/// Imports that no code of ours reaches, each with the reason why it is linked.
const NOT_CALLED: [(&[&str], &str); 2] = [
    (
        &[
            "proxy_dequeue_shared_queue",
            "proxy_done",
            "proxy_enqueue_shared_queue",
            "proxy_get_header_map_value",
            "proxy_get_status",
            "proxy_grpc_call",
            "proxy_grpc_cancel",
            "proxy_grpc_close",
            "proxy_grpc_send",
            "proxy_grpc_stream",
            "proxy_register_shared_queue",
            "proxy_resolve_shared_queue",
        ],
        "default methods of the SDK's traits",
    ),
    (
        &["fd_write", "proc_exit"],
        "the standard library's output of a panic, which the log has, and its end of the process",
    ),
];
/// Some hosts that need all callbacks lack it; without it the module reads the clock of WASI.
const CLOCK: &str = "proxy_get_current_time_nanoseconds";
/// It is called in Envoy only, which does not need all callbacks.
const ATTRIBUTE: &str = "proxy_set_property";

/// Which imports are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stubs {
    /// Those that are never called.
    NotCalled,
    /// Also the ABI's clock: WASI's is used instead.
    AndClock,
}

impl Stubs {
    fn has(self, name: &str) -> bool {
        NOT_CALLED.iter().any(|(names, _)| names.contains(&name))
            || (self == Self::AndClock && [CLOCK, ATTRIBUTE].contains(&name))
    }
}

/// Returns the module with stubs in place of imports. Idempotent.
///
/// # Errors
/// `linked` is not a module.
pub(crate) fn stub(linked: &[u8], stubs: Stubs) -> anyhow::Result<Vec<u8>> {
    let mut stubber = Stubber::of(linked, stubs).context("the linked module cannot be read")?;
    if stubber.stubs.is_empty() {
        return Ok(linked.to_vec());
    }
    let mut module = Module::new();
    stubber
        .parse_core_module(&mut module, Parser::new(0), linked)
        .context("imports cannot be replaced")?;
    Ok(module.finish())
}

/// Stubs become the first functions of the module, behind the imports that stay: so the functions
/// behind the imports keep their indices.
struct Stubber {
    which: Stubs,
    /// The new index of each imported function.
    indices: Vec<u32>,
    stubs: Vec<Stub>,
}

struct Stub {
    signature: u32,
    /// What it returns; it traps if it cannot return a failure.
    failure: Option<i32>,
}

impl Stubber {
    fn of(linked: &[u8], which: Stubs) -> wasmparser::Result<Self> {
        let mut types: Vec<Option<FuncType>> = Vec::new();
        let mut functions = Vec::new();
        for payload in Parser::new(0).parse_all(linked) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        }));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        if let TypeRef::Func(signature) = import.ty {
                            let failure = if import.module == HOST {
                                UNIMPLEMENTED
                            } else {
                                NO_SUCH_CALL
                            };
                            functions.push(which.has(import.name).then_some((signature, failure)));
                        }
                    }
                }
                _ => {}
            }
        }
        let kept = functions.iter().filter(|stub| stub.is_none()).count();
        let (mut next_kept, mut next_stub) = (0, u32::try_from(kept).unwrap_or(u32::MAX));
        let (mut indices, mut stubs) = (Vec::new(), Vec::new());
        for function in functions {
            let next = if let Some((signature, failure)) = function {
                let ty = usize::try_from(signature)
                    .ok()
                    .and_then(|index| types.get(index)?.as_ref());
                let fails = ty.is_some_and(|ty| ty.results() == [ValType::I32]);
                stubs.push(Stub {
                    signature,
                    failure: fails.then_some(failure),
                });
                &mut next_stub
            } else {
                &mut next_kept
            };
            indices.push(*next);
            *next = next.saturating_add(1);
        }
        Ok(Self {
            which,
            indices,
            stubs,
        })
    }
}

impl Reencode for Stubber {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, reencode::Error> {
        let imported = usize::try_from(index)
            .ok()
            .and_then(|index| self.indices.get(index));
        Ok(imported.copied().unwrap_or(index))
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for import in section.into_imports() {
            let import: Import<'_> = import?;
            let is_stubbed = matches!(import.ty, TypeRef::Func(_)) && self.which.has(import.name);
            if !is_stubbed {
                self.parse_import(imports, import)?;
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for stub in &self.stubs {
            functions.function(stub.signature);
        }
        utils::parse_function_section(self, functions, section)
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for stub in &self.stubs {
            let mut body = Function::new([]);
            match stub.failure {
                Some(status) => body.instructions().i32_const(status).end(),
                None => body.instructions().unreachable().end(),
            };
            code.function(&body);
        }
        utils::parse_code_section(self, code, section)
    }
}

#[cfg(test)]
mod tests;
