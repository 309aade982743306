//! A module that hands the body of a request to the host's `verify_signature` and answers with what
//! it says: so a host's own verifier can be asked about any signature, and not only about those of
//! tokens.

use std::cell::RefCell;

use anyhow::{Context as _, Error, Result, ensure};
use prost::Message as _;
use registry_auth_engine::authn::verify::{SignatureVerifier, Verification, ecdsa_signature_der};
use registry_auth_engine::keys::PublicKey;
use registry_auth_engine::keys::algorithm::Algorithm;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, MemArg, MemorySection, MemoryType,
    Module, TypeSection, ValType,
};

use registry_auth_harness::client::{Request, Response};

const FUNCTION: &str = "verify_signature";
const PAUSE: i32 = 1;
/// The body of a request.
const REQUEST_BODY: i32 = 0;

// Where things are in the module's memory.
const NAME: i32 = 16;
const ADDRESS: i32 = 64;
const SIZE: i32 = 68;
/// The number of header fields of an answer: none.
const NO_FIELDS: i32 = 72;
/// Start of the memory that is given to the host, reset with each request.
const HEAP: i32 = 1024;

/// The types of functions: arguments and results, all `i32`.
const TYPES: [(usize, usize); 7] = [(5, 1), (6, 1), (8, 1), (0, 0), (1, 1), (2, 0), (3, 1)];
// Functions in the order of their numbers; the first three are the host's.
const IMPORTS: [(&str, u32); 3] = [
    ("proxy_get_buffer_bytes", 0),
    ("proxy_call_foreign_function", 1),
    ("proxy_send_local_response", 2),
];
const EXPORTS: [(&str, u32); 5] = [
    ("proxy_abi_version_0_2_1", 3),
    ("proxy_on_memory_allocate", 4),
    ("proxy_on_context_create", 5),
    ("proxy_on_request_headers", 6),
    ("proxy_on_request_body", 6),
];

/// `envoy.source.extensions.common.wasm.VerifySignatureArguments`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    clear_text: Vec<u8>,
}

/// `envoy.source.extensions.common.wasm.VerifySignatureResult`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Outcome {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// The module in the binary format.
#[must_use]
pub fn module() -> Vec<u8> {
    let mut types = TypeSection::new();
    for (arguments, results) in TYPES {
        types
            .ty()
            .function(vec![ValType::I32; arguments], vec![ValType::I32; results]);
    }
    let mut imports = ImportSection::new();
    for (name, kind) in IMPORTS {
        imports.import("env", name, EntityType::Function(kind));
    }
    let (mut functions, mut exports) = (FunctionSection::new(), ExportSection::new());
    for (number, (name, kind)) in (3..).zip(EXPORTS) {
        functions.function(kind);
        exports.export(name, ExportKind::Func, number);
    }
    exports.export("memory", ExportKind::Memory, 0);
    let mut memories = MemorySection::new();
    let memory = MemoryType {
        minimum: 16,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    memories.memory(memory);
    let mut globals = GlobalSection::new();
    let free = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(free, &ConstExpr::i32_const(HEAP));
    let mut code = CodeSection::new();
    for function in [nothing(), allocate(), nothing(), pause(), ask()] {
        code.function(&function);
    }
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(NAME), FUNCTION.bytes());
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&memories)
        .section(&globals);
    module.section(&exports).section(&code).section(&data);
    module.finish()
}

fn nothing() -> Function {
    let mut function = Function::new([]);
    function.instructions().end();
    function
}

fn pause() -> Function {
    let mut function = Function::new([]);
    function.instructions().i32_const(PAUSE).end();
    function
}

/// Gives the next bytes of the heap.
fn allocate() -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    code.global_get(0);
    code.global_get(0).local_get(0).i32_add().global_set(0);
    code.end();
    function
}

/// The body callback: nothing before the end of the body, then the call, then the answer; 500 when
/// the call fails.
fn ask() -> Function {
    let (size, ended, status) = (1, 2, 3);
    let word = MemArg {
        offset: 0,
        align: 2,
        memory_index: 0,
    };
    let mut function = Function::new([(1, ValType::I32)]);
    let mut code = function.instructions();
    code.local_get(ended)
        .i32_eqz()
        .if_(wasm_encoder::BlockType::Empty)
        .i32_const(PAUSE)
        .return_()
        .end();
    code.i32_const(HEAP).global_set(0);
    code.i32_const(REQUEST_BODY)
        .i32_const(0)
        .local_get(size)
        .i32_const(ADDRESS)
        .i32_const(SIZE)
        .call(0)
        .drop();
    code.i32_const(NAME)
        .i32_const(i32::try_from(FUNCTION.len()).unwrap_or_default());
    code.i32_const(ADDRESS)
        .i32_load(word)
        .i32_const(SIZE)
        .i32_load(word);
    code.i32_const(ADDRESS)
        .i32_const(SIZE)
        .call(1)
        .local_set(status);
    code.i32_const(500)
        .i32_const(200)
        .local_get(status)
        .select();
    code.i32_const(0)
        .i32_const(0)
        .i32_const(ADDRESS)
        .i32_load(word)
        .i32_const(SIZE)
        .i32_load(word);
    code.i32_const(NO_FIELDS)
        .i32_const(4)
        .i32_const(-1)
        .call(2)
        .drop();
    code.i32_const(PAUSE).end();
    function
}

/// A host's verifier, asked as the filter asks it.
pub struct HostVerifier<S> {
    send: S,
    failure: RefCell<Option<Error>>,
}

impl<S: Fn(&Request) -> Result<Response>> SignatureVerifier for HostVerifier<S> {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Verification {
        match self.ask(algorithm, key, message, signature) {
            Ok(Some(true)) => Verification::Valid,
            Ok(Some(false)) => Verification::Invalid,
            Ok(None) => Verification::Unsupported,
            Err(error) => {
                self.failure.borrow_mut().get_or_insert(error);
                Verification::Invalid
            }
        }
    }
}

impl<S: Fn(&Request) -> Result<Response>> HostVerifier<S> {
    /// A verifier behind a module that requests reach through `send`.
    pub const fn new(send: S) -> Self {
        Self {
            send,
            failure: RefCell::new(None),
        }
    }

    /// To be called at the end.
    ///
    /// # Errors
    /// The host did not answer: what it was taken to say means nothing.
    pub fn finish(self) -> Result<()> {
        self.failure.into_inner().map_or(Ok(()), |error| {
            Err(error.context("the host does not answer"))
        })
    }

    /// What the host says; nothing for what the filter does not ask it.
    fn ask(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        message: &[u8],
        signature: &[u8],
    ) -> Result<Option<bool>> {
        let Some(hash) = hash_of(algorithm) else {
            return Ok(None);
        };
        let signature = match algorithm {
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
                match ecdsa_signature_der(signature) {
                    Some(der) => der,
                    None => return Ok(Some(false)),
                }
            }
            _ => signature.to_vec(),
        };
        let arguments = Arguments {
            hash_function: hash.to_owned(),
            public_key: key.spki_der().to_vec(),
            signature,
            clear_text: message.to_vec(),
        };
        let response = (self.send)(&Request::new("POST", "/").body(arguments.encode_to_vec()))?;
        ensure!(
            response.status == 200,
            "the call failed: {}",
            response.status
        );
        let outcome = Outcome::decode(&*response.body).context("the answer is no message")?;
        Ok(Some(outcome.result))
    }
}

/// As in `filter/src/verifier.rs`.
const fn hash_of(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 | Algorithm::Es512 => Some("sha512"),
        Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => None,
    }
}
