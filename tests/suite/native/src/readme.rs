//! The policies of the pages are configurations that hold.

use registry_auth_engine::compile;
use registry_auth_engine::config::{self, Role};

#[test]
fn the_policy_of_each_page_compiles_without_a_word() {
    for page in [include_str!("../../../../README.md"), include_str!("../../../../docs/tokens.md")] {
        let policies: Vec<_> = page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        let [policy] = policies.as_slice() else { panic!("{} policies", policies.len()) };
        let (role, mut diagnostics) = config::decode(policy.as_bytes());
        let Role::Filter(document) = role else { panic!("not the configuration of a filter") };
        let compiled = compile(&document, &mut diagnostics);
        assert!(compiled.is_some() && diagnostics.warnings.is_empty(), "{diagnostics:#?}");
    }
}
