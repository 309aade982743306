//! The least that a proxy-wasm filter can be: it has the callbacks of ours that every request or body reaches, and each only
//! returns. What it costs is what the machinery costs.

use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection, MemoryType, Module, TypeSection,
    ValType,
};

/// `proxy_action_t`: continue.
const CONTINUE: i32 = 0;
const ACCEPTED: i32 = 1;

/// A callback: name, number of its arguments, what it returns.
type Callback = (&'static str, usize, Option<i32>);

const CALLBACKS: [Callback; 10] = [
    ("_initialize", 0, None),
    ("proxy_abi_version_0_2_1", 0, None),
    // Never called: it asks for nothing that the host would have to hand over.
    ("proxy_on_memory_allocate", 1, Some(0)),
    ("proxy_on_context_create", 2, None),
    ("proxy_on_vm_start", 2, Some(ACCEPTED)),
    ("proxy_on_configure", 2, Some(ACCEPTED)),
    ("proxy_on_request_headers", 3, Some(CONTINUE)),
    ("proxy_on_request_body", 3, Some(CONTINUE)),
    ("proxy_on_request_trailers", 2, Some(CONTINUE)),
    ("proxy_on_delete", 1, None),
];

/// The module in the binary format.
pub(crate) fn module() -> Vec<u8> {
    let mut types = TypeSection::new();
    let mut functions = FunctionSection::new();
    let mut memories = MemorySection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    exports.export("memory", ExportKind::Memory, 0);
    for (index, (name, arguments, result)) in (0..).zip(CALLBACKS) {
        types.ty().function(vec![ValType::I32; arguments], result.map(|_| ValType::I32));
        functions.function(index);
        exports.export(name, ExportKind::Func, index);
        let mut body = Function::new([]);
        if let Some(value) = result {
            body.instructions().i32_const(value);
        }
        body.instructions().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

#[cfg(test)]
mod tests {
    use registry_auth_tests::client::Request;
    use registry_auth_tests::module::Compiled;
    use registry_auth_tests::vm::{Progress, Setup, Vm};

    use super::*;

    #[test]
    fn the_empty_module_lets_everything_through_without_a_host_call() {
        let mut vm = Vm::start(&Compiled::new(&module()).unwrap(), Setup::of_scenarios(b"")).unwrap();
        let id = vm.open(&Request::new("PUT", "/v2/team/app/manifests/1").body(b"{}".to_vec())).unwrap();
        assert!(matches!(vm.progress(id).unwrap(), Progress::Forwarded(_)));
        vm.close(id).unwrap();
        assert!(vm.host_calls().is_empty());
    }
}
