use super::*;
use wasm_encoder::{
    ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, RefType,
    TableSection, TableType, TypeSection, ValType as Type,
};
use wasmparser::{Operator, Validator};

/// The imports of [`linked`]: module, name, and whether it returns a number.
const IMPORTS: [(&str, &str, bool); 6] = [
    ("env", "proxy_done", true),
    ("env", "proxy_log", true),
    ("wasi_snapshot_preview1", "fd_write", true),
    ("wasi_snapshot_preview1", "random_get", true),
    ("wasi_snapshot_preview1", "proc_exit", false),
    ("env", CLOCK, true),
];

/// A module whose first function calls each import in order, whose second calls the first, and whose
/// table has all of them.
fn linked() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [Type::I32]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    for (module, name, returns) in IMPORTS {
        imports.import(module, name, EntityType::Function(u32::from(!returns)));
    }
    let mut functions = FunctionSection::new();
    functions.function(1).function(1);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 8,
        maximum: None,
        shared: false,
    });
    let mut exports = ExportSection::new();
    exports.export("first", ExportKind::Func, 6);
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..8).collect();
    elements.active(
        Some(0),
        &ConstExpr::i32_const(0),
        Elements::Functions(all.into()),
    );
    let mut code = CodeSection::new();
    let mut first = Function::new([]);
    for (index, (_, _, returns)) in (0..).zip(IMPORTS) {
        first.instructions().call(index);
        if returns {
            first.instructions().drop();
        }
    }
    first.instructions().end();
    let mut second = Function::new([]);
    second.instructions().call(6).end();
    code.function(&first).function(&second);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&tables)
        .section(&exports)
        .section(&elements)
        .section(&code);
    module.finish()
}

/// The imports, the called functions or the failure of each function with code, the table, and the
/// exported function.
#[derive(Debug, Default, PartialEq)]
struct Shape {
    imports: Vec<String>,
    code: Vec<String>,
    table: Vec<u32>,
    export: u32,
}

fn shape(module: &[u8]) -> Shape {
    Validator::new().validate_all(module).unwrap();
    let mut shape = Shape::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                shape.imports = section
                    .into_imports()
                    .map(|import| import.unwrap().name.to_owned())
                    .collect();
            }
            Payload::ExportSection(section) => {
                shape.export = section.into_iter().next().unwrap().unwrap().index;
            }
            Payload::ElementSection(section) => {
                let wasmparser::ElementItems::Functions(items) =
                    section.into_iter().next().unwrap().unwrap().items
                else {
                    panic!("no functions")
                };
                shape.table = items.into_iter().map(Result::unwrap).collect();
            }
            Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader().unwrap().into_iter();
                let seen = operators.filter_map(|operator| match operator.unwrap() {
                    Operator::Call { function_index } => Some(function_index.to_string()),
                    Operator::I32Const { value } => Some(format!("fails with {value}")),
                    Operator::Unreachable => Some("traps".to_owned()),
                    _ => None,
                });
                shape.code.push(seen.collect::<Vec<_>>().join(" "));
            }
            _ => {}
        }
    }
    shape
}

#[test]
fn what_is_never_called_becomes_a_function_that_fails() {
    let rows = [
        (
            Stubs::NotCalled,
            vec!["proxy_log", "random_get", CLOCK],
            vec![
                "fails with 12",
                "fails with 52",
                "traps",
                "3 0 4 1 5 2",
                "6",
            ],
            vec![3, 0, 4, 1, 5, 2, 6, 7],
        ),
        (
            Stubs::AndClock,
            vec!["proxy_log", "random_get"],
            vec![
                "fails with 12",
                "fails with 52",
                "traps",
                "fails with 12",
                "2 0 3 1 4 5",
                "6",
            ],
            vec![2, 0, 3, 1, 4, 5, 6, 7],
        ),
    ];
    for (stubs, imports, code, table) in rows {
        let stubbed = stub(&linked(), stubs).unwrap();
        let expected = Shape {
            imports: imports.into_iter().map(str::to_owned).collect(),
            code: code.into_iter().map(str::to_owned).collect(),
            table,
            export: 6,
        };
        assert_eq!(shape(&stubbed), expected, "{stubs:?}");
        assert_eq!(stub(&stubbed, stubs).unwrap(), stubbed, "not idempotent");
    }
}

#[test]
fn what_is_not_a_module_is_an_error() {
    assert!(stub(b"not a module", Stubs::NotCalled).is_err());
}
