use serde_json::json;

use super::*;

fn both() -> [Box<dyn Val>; 2] {
    let claims = json!({"sub": "x", "nul": null, "list": [1]});
    let own = Document::from_claims(claims.as_object().unwrap()).to_value();
    [
        own,
        Box::new(object(claims.as_object().unwrap(), &Members::All)),
    ]
}

/// Every method of the trait, ours compared with the map's own.
#[test]
fn a_shared_map_answers_every_method_as_the_map_does() {
    let [own, map] = both();
    assert_eq!(own.get_type(), map.get_type());
    assert_eq!(Shared::cel_type(), CelMap::cel_type());
    let rows = [
        (
            "as_adder",
            own.as_adder().is_some(),
            map.as_adder().is_some(),
        ),
        (
            "as_comparer",
            own.as_comparer().is_some(),
            map.as_comparer().is_some(),
        ),
        (
            "as_container",
            own.as_container().is_some(),
            map.as_container().is_some(),
        ),
        (
            "as_divider",
            own.as_divider().is_some(),
            map.as_divider().is_some(),
        ),
        (
            "as_indexer",
            own.as_indexer().is_some(),
            map.as_indexer().is_some(),
        ),
        (
            "into_indexer",
            own.clone().into_indexer().is_some(),
            map.clone().into_indexer().is_some(),
        ),
        (
            "as_iterable",
            own.as_iterable().is_some(),
            map.as_iterable().is_some(),
        ),
        (
            "as_modder",
            own.as_modder().is_some(),
            map.as_modder().is_some(),
        ),
        (
            "as_multiplier",
            own.as_multiplier().is_some(),
            map.as_multiplier().is_some(),
        ),
        (
            "as_negator",
            own.as_negator().is_some(),
            map.as_negator().is_some(),
        ),
        (
            "as_sizer",
            own.as_sizer().is_some(),
            map.as_sizer().is_some(),
        ),
        (
            "as_subtractor",
            own.as_subtractor().is_some(),
            map.as_subtractor().is_some(),
        ),
        (
            "as_zeroer",
            own.as_zeroer().is_some(),
            map.as_zeroer().is_some(),
        ),
        (
            "as_builtin",
            matches!(own.as_builtin(), BuiltinRef::Map(_)),
            matches!(map.as_builtin(), BuiltinRef::Map(_)),
        ),
        (
            "into_builtin",
            matches!(own.clone().into_builtin(), Some(Builtin::Map(_))),
            matches!(map.clone().into_builtin(), Some(Builtin::Map(_))),
        ),
        ("equals", own.equals(&*map), map.equals(&*own)),
        (
            "clone_as_boxed",
            own.clone_as_boxed().equals(&*map),
            map.clone_as_boxed().equals(&*own),
        ),
    ];
    for (method, ours, theirs) in rows {
        assert_eq!(ours, theirs, "{method}");
    }
    for key in ["sub", "nul", "list", "missing"] {
        let key = CelString::from(key);
        let [ours, theirs] = [&own, &map].map(|value| {
            value
                .as_indexer()
                .unwrap()
                .get(&key)
                .map(CowVal::into_owned)
        });
        assert_eq!(ours, theirs);
        let [ours, theirs] =
            [&own, &map].map(|value| value.clone().into_indexer().unwrap().steal(&key));
        assert_eq!(ours, theirs);
    }
    assert!(
        own.as_indexer().unwrap().get(&CelNull).is_err()
            && own.into_indexer().unwrap().steal(&CelNull).is_err()
    );
}

/// Each method that the trait gains has a default, which answers for a value that can do nothing:
/// `Shared` has to hand it on, and the test above has to know it.
#[test]
fn the_methods_were_walked_for_this_version_of_the_crate() {
    let lock = include_str!("../../../../Cargo.lock");
    assert!(
        lock.contains("name = \"cel\"\nversion = \"0.15.0\"\n"),
        "another version of the crate: compare the methods of `Val` with those of `Shared` and of the test above"
    );
}
