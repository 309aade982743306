//! A minimal proxy-wasm filter: it has our callbacks for requests and bodies, and each only
//! returns. Its cost is that of proxy-wasm itself; a variant with host calls adds the cost of
//! these.

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// `proxy_action_t`: continue.
const CONTINUE: i32 = 0;
const ACCEPTED: i32 = 1;

/// A callback: name, number of its arguments, what it returns.
type Callback = (&'static str, usize, Option<i32>);

const CALLBACKS: [Callback; 9] = [
    ("_initialize", 0, None),
    ("proxy_abi_version_0_2_1", 0, None),
    ("proxy_on_memory_allocate", 1, Some(LENT)),
    ("proxy_on_context_create", 2, None),
    ("proxy_on_vm_start", 2, Some(ACCEPTED)),
    ("proxy_on_configure", 2, Some(ACCEPTED)),
    (HEADERS, 3, Some(CONTINUE)),
    ("proxy_on_request_body", 3, Some(CONTINUE)),
    ("proxy_on_request_trailers", 2, Some(CONTINUE)),
];
const HEADERS: &str = "proxy_on_request_headers";

/// A host call of the headers callback: name, arguments.
type Call = (&'static str, &'static [i32]);

/// The host calls of ours for a request whose token is in the cache.
pub(crate) const CALLS: [Call; 2] = [
    ("proxy_get_header_map_pairs", &[REQUEST, ANSWER, ANSWER + 4]),
    ("proxy_remove_header_map_value", &[REQUEST, 0, NAME_SIZE]),
];
/// `proxy_map_type_t`: the headers of the request.
const REQUEST: i32 = 0;
/// The data at address 0, and its size.
const NAME: [u8; 13] = *b"authorization";
const NAME_SIZE: i32 = 13;
/// Where the host writes its answers: eight bytes.
const ANSWER: i32 = 32;
/// What the host gets as memory for a value: the rest of the first page.
const LENT: i32 = 64;

/// Returns a module in the binary format that makes these host calls for each request.
pub(crate) fn module(calls: &[Call]) -> Vec<u8> {
    let mut types = TypeSection::new();
    let mut imports = ImportSection::new();
    let mut functions = FunctionSection::new();
    let mut memories = MemorySection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    let mut data = DataSection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    exports.export("memory", ExportKind::Memory, 0);
    data.active(0, &ConstExpr::i32_const(0), NAME);
    for (index, (name, arguments)) in (0..).zip(calls) {
        types
            .ty()
            .function(vec![ValType::I32; arguments.len()], [ValType::I32]);
        imports.import("env", name, EntityType::Function(index));
    }
    for (index, (name, arguments, result)) in (imports.len()..).zip(CALLBACKS) {
        types
            .ty()
            .function(vec![ValType::I32; arguments], result.map(|_| ValType::I32));
        functions.function(index);
        exports.export(name, ExportKind::Func, index);
        let mut body = Function::new([]);
        if name == HEADERS {
            make(calls, &mut body);
        }
        if let Some(value) = result {
            body.instructions().i32_const(value);
        }
        body.instructions().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&exports);
    module.section(&code).section(&data);
    module.finish()
}

/// Generates one call after the other, with results ignored.
fn make(calls: &[Call], body: &mut Function) {
    for (index, (_, arguments)) in (0..).zip(calls) {
        for argument in *arguments {
            body.instructions().i32_const(*argument);
        }
        body.instructions().call(index).drop();
    }
}

#[cfg(test)]
mod tests {
    use registry_auth_harness::client::Request;
    use registry_auth_vm::{Compiled, Progress, Setup, Vm};

    use super::*;

    #[test]
    fn the_empty_module_lets_everything_through_with_no_other_host_calls_than_it_is_made_with() {
        for calls in [&[][..], &CALLS] {
            let mut vm = Vm::start(
                &Compiled::new(&module(calls)).unwrap(),
                Setup::of_scenarios(b""),
            )
            .unwrap();
            let request =
                Request::new("PUT", "/v2/team/app/manifests/1").header("authorization", "Bearer a");
            let id = vm.open(&request.body(b"{}".to_vec())).unwrap();
            let Progress::Forwarded(forwarded) = vm.progress(id).unwrap() else {
                panic!("it is not let through")
            };
            assert_eq!(
                forwarded
                    .headers
                    .iter()
                    .any(|(name, _)| name == "authorization"),
                calls.is_empty()
            );
            vm.close(id).unwrap();
            assert_eq!(
                vm.host_calls().keys().copied().collect::<Vec<_>>(),
                calls.iter().map(|call| call.0).collect::<Vec<_>>()
            );
        }
    }
}
