//! The README's policy is a configuration that holds.

use registry_auth::config::{self, Role};

#[test]
fn the_policy_of_the_readme_compiles_without_a_word() {
    let readme = include_str!("../../../README.md");
    let policies: Vec<_> = readme.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(policies.len(), 1);
    for policy in policies {
        let (role, mut diagnostics) = config::decode(policy.as_bytes());
        let Role::Filter(document) = role else { panic!("not the configuration of a filter") };
        let compiled = config::compile(&document, &mut diagnostics);
        assert!(compiled.is_some() && diagnostics.warnings.is_empty(), "{diagnostics:#?}");
    }
}
