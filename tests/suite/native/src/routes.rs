//! `docs/routes.md` is the action map that `scenarios/routes.json` proves.

use registry_auth_harness::vector::Vectors;

use crate::Outcome;

#[test]
fn the_page_of_routes_holds_what_the_vectors_prove() -> Outcome {
    let vectors = Vectors::parse(include_bytes!("../../../scenarios/routes.json"))?;
    let page = include_str!("../../../../docs/routes.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let wanted = [vectors.needs_table(), vectors.refusals_table()]
        .concat()
        .join("\n");
    assert!(
        rows.join("\n") == wanted,
        "the tables of docs/routes.md should be\n\n{wanted}\n"
    );
    Ok(())
}
