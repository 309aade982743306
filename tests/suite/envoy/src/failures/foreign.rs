//! Another plugin in the same store of shared data, which writes over what is ours at every
//! request.

use registry_auth_harness::envoy::Listener;
use registry_auth_harness::module;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// What it writes over: the pushed set of the secret.
const NAME: &[u8] = b"registry-auth/keys/2/secret:us-east-1/keys";
const VALUE: &[u8] = b"garbage of another plugin";
/// Where both are in its memory.
const PLACES: [i32; 2] = [1024, 2048];
/// The imported function.
const WRITE: u32 = 0;

/// A callback: name, number of its arguments, what it returns.
type Callback = (&'static str, usize, Option<i32>);

const CALLBACKS: [Callback; 6] = [
    ("proxy_abi_version_0_2_1", 0, None),
    // Never called: it asks for nothing that the host would have to hand over.
    ("proxy_on_memory_allocate", 1, Some(0)),
    ("proxy_on_context_create", 2, None),
    ("proxy_on_vm_start", 2, Some(1)),
    ("proxy_on_configure", 2, Some(1)),
    (HEADERS, 3, Some(0)),
];
const HEADERS: &str = "proxy_on_request_headers";

/// Returns false for the dynamic module, whose values no other plugin reaches.
pub(super) fn is_possible() -> bool {
    !module::is_native()
}

/// A listener with it; the module file is the caller's to set.
pub(super) fn listener(vm_id: &str) -> Listener {
    Listener {
        name: "foreign".to_owned(),
        configuration: "{}".to_owned(),
        vm_id: vm_id.to_owned(),
        ..Listener::default()
    }
}

/// The module in the binary format.
pub(super) fn module() -> Vec<u8> {
    let mut types = TypeSection::new();
    let (mut functions, mut exports) = (FunctionSection::new(), ExportSection::new());
    let (mut imports, mut memories) = (ImportSection::new(), MemorySection::new());
    let (mut code, mut data) = (CodeSection::new(), DataSection::new());
    types.ty().function(vec![ValType::I32; 5], [ValType::I32]);
    imports.import("env", "proxy_set_shared_data", EntityType::Function(WRITE));
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    exports.export("memory", ExportKind::Memory, 0);
    for (index, (name, arguments, result)) in (1..).zip(CALLBACKS) {
        types
            .ty()
            .function(vec![ValType::I32; arguments], result.map(|_| ValType::I32));
        functions.function(index);
        exports.export(name, ExportKind::Func, index);
        code.function(&body(name, result));
    }
    for (place, bytes) in PLACES.into_iter().zip([NAME, VALUE]) {
        data.active(0, &ConstExpr::i32_const(place), bytes.iter().copied());
    }
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories);
    module.section(&exports).section(&code).section(&data);
    module.finish()
}

fn body(name: &str, result: Option<i32>) -> Function {
    let mut body = Function::new([]);
    let mut code = body.instructions();
    if name == HEADERS {
        for (place, bytes) in PLACES.into_iter().zip([NAME, VALUE]) {
            code.i32_const(place)
                .i32_const(i32::try_from(bytes.len()).unwrap_or_default());
        }
        // Whatever version is there.
        code.i32_const(0).call(WRITE).drop();
    }
    if let Some(value) = result {
        code.i32_const(value);
    }
    code.end();
    body
}
