use super::*;
use wasm_encoder::{
    CodeSection, CustomSection, Function, FunctionSection, MemorySection, MemoryType, TypeSection,
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
    let finished = finish(&linked(&names), Variant::Small).unwrap();
    let kept: BTreeSet<_> = finished.exports.iter().map(String::as_str).collect();
    assert_eq!(kept, EXPORTS.iter().map(|(name, _)| *name).collect());
    assert_eq!(index_of(&finished.bytes, "proxy_on_log"), None);
}

#[test]
fn the_full_module_has_every_callback_each_our_own() {
    let own: Vec<String> = UNUSED
        .iter()
        .map(|name| name.replace(CALLBACK, OWN_CALLBACK))
        .collect();
    let mut names = functions();
    names.extend(UNUSED);
    names.extend(own.iter().map(String::as_str));
    names.push("registry_auth_on_context_create");
    let linked = linked(&names);
    let small = finish(&linked, Variant::Small).unwrap();
    let full = finish(&linked, Variant::Full).unwrap();
    let place = |name: &str| u32::try_from(names.iter().position(|other| *other == name).unwrap());
    for (name, own) in UNUSED.iter().zip(&own) {
        assert_eq!(index_of(&small.bytes, name), None);
        assert_eq!(index_of(&full.bytes, name), Some(place(own).unwrap()));
    }
    assert_eq!(full.exports.len(), EXPORTS.len() + UNUSED.len());
}

#[test]
fn a_full_module_without_a_callback_is_an_error() {
    let mut names = functions();
    names.extend(UNUSED.iter().filter(|name| **name != "proxy_on_log"));
    let message = finish(&linked(&names), Variant::Full)
        .err()
        .unwrap()
        .to_string();
    assert_eq!(
        message,
        "the linked module lacks `proxy_on_log` (some hosts call it)"
    );
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
            let finished = finish(&linked(&names), Variant::Small).unwrap();
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
            index_of(
                &finish(&linked(&names), Variant::Small).unwrap().bytes,
                DELETE
            )
            .is_none(),
            own
        );
    }
}

#[test]
fn without_a_callback_of_our_own_the_sdks_stays() {
    let names = functions();
    let theirs = "proxy_on_request_headers";
    let sdk = names.iter().position(|name| *name == theirs).unwrap();
    let finished = finish(&linked(&names), Variant::Small).unwrap();
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
    assert!(custom(&finish(&linked, Variant::Small).unwrap()).is_empty());
    assert_eq!(custom(&finish_with_names(&linked).unwrap()), ["name"]);
}

#[test]
fn a_missing_callback_is_named_with_its_reason() {
    let names: Vec<_> = functions()
        .into_iter()
        .filter(|name| *name != "proxy_on_tick")
        .collect();
    let message = finish(&linked(&names), Variant::Small)
        .err()
        .unwrap()
        .to_string();
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
        "the module has 1572865 bytes, 1 more than the limit of 1572864"
    );
}

#[test]
fn what_is_not_a_module_is_an_error() {
    assert!(finish(b"not a module", Variant::Small).is_err());
    assert!(finish(&linked(&functions())[..40], Variant::Small).is_err());
}
