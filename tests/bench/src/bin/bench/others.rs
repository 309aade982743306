//! The table of what others cost, in the same run.

use std::fmt::Write as _;

use crate::companion::Companion;
use crate::figure::{median, short};
use crate::results::Results;
use crate::rounds::Measured;

const HEAD: &str = "| row | what | Envoy | the other process | together | above (a) | what it does, and does not |\n|---|---|--:|--:|--:|--:|---|\n";
/// The rows of the table, with what they do compared with ours.
const ROWS: [(&str, &str); 6] = [
    (
        "lua",
        "nothing: what a filter in Lua costs before it reads a header. Lua in Envoy has no JSON and no JWT; it can only check a signature with a key that it is given",
    ),
    (
        "d",
        "the signature, issuer, audience and times of a token, remembered; `rbac` here knows one method, one prefix of paths and one claim. No discovery, no endpoints of registries, no scopes, challenges, catalog or token endpoint",
    ),
    (
        "opa",
        "the same token, remembered, a pattern and an action, by a policy in Rego that anybody can extend. The rest of a registry (all endpoints, mounts, challenges, catalog, token endpoint) would have to be written. By HTTP, and OPA prepares its query for each request; its own plugin for Envoy does it once",
    ),
    (
        "zot",
        "the same token, verified for each request, and its policy; the other process reads the manifest too, so compare with the next row. Only for zot",
    ),
    ("zot-open", "the same without a token and without a policy"),
    (
        "e",
        "ours: the token, remembered, and everything that this manual describes, in front of any registry",
    ),
];

/// The table, with a line for each program that is not in it; empty if no row of others was measured.
pub(crate) fn table(results: &Results) -> String {
    let rows: Vec<_> = ROWS
        .iter()
        .filter_map(|(id, note)| Some((results.measured(id)?, note)))
        .collect();
    if rows.iter().all(|(measured, _)| !is_other(&measured.row.id)) {
        return String::new();
    }
    let mut table = format!(
        "{}\nUs CPU per request, medians.\n\n{HEAD}",
        results.about()
    );
    let none = results.row("a");
    for (measured, note) in rows {
        let together = together(measured);
        let above = none.map_or_else(String::new, |none| short(together - none));
        let companion = if measured.companion.is_empty() {
            String::new()
        } else {
            short(median(&measured.companion))
        };
        let [envoy, together] = [measured.median(), together].map(short);
        let (id, what) = (&measured.row.id, &measured.row.what);
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {id} | {what} | {envoy} | {companion} | {together} | {above} | {note} |"
        );
    }
    let absent = [Companion::Opa, Companion::Zot { checks: true }]
        .into_iter()
        .filter(|companion| {
            !results
                .rows
                .iter()
                .any(|measured| measured.row.companion == Some(*companion))
        });
    for companion in absent {
        let _ = write!(table, "\n{}\n", companion.missing());
    }
    table
}

/// Returns true if a row is in this table only.
pub(crate) fn is_other(id: &str) -> bool {
    matches!(id, "lua" | "opa" | "zot" | "zot-open")
}

/// The median of what a request costs in both processes.
fn together(measured: &Measured) -> f64 {
    if measured.companion.is_empty() {
        return measured.median();
    }
    let both = measured.samples.iter().zip(&measured.companion);
    median(
        &both
            .map(|(envoy, companion)| envoy + companion)
            .collect::<Vec<_>>(),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::results::tests::results;
    use crate::row;

    #[test]
    fn what_the_other_process_takes_is_apart_and_counts() {
        let mut results = results(&[("a", 50.0), ("e", 75.0), ("lua", 60.0), ("opa", 100.0)]);
        for measured in &mut results.rows {
            if measured.row.id == "opa" {
                measured.companion = vec![300.0];
            }
        }
        let table = table(&results);
        assert!(
            table
                .contains("| lua | Envoy's `lua` with an empty function | 60.0 |  | 60.0 | 10.0 |"),
            "{table}"
        );
        assert!(
            table.contains("| opa | `ext_authz` and OPA | 100 | 300 | 400 | 350 |"),
            "{table}"
        );
        assert!(
            table.contains("| e | ours, token in the cache | 75.0 |  | 75.0 | 25.0 |"),
            "{table}"
        );
        assert!(!table.contains("OPA is not in this run"), "{table}");
        assert!(table.contains("zot is not in this run"), "{table}");
    }

    #[test]
    fn there_is_no_table_without_others() {
        assert_eq!(table(&results(&[("a", 50.0), ("d", 60.0)])), "");
    }

    #[test]
    fn each_row_is_in_one_table_or_in_both_with_a_note() {
        let all = row::all();
        let noted: BTreeSet<_> = ROWS.iter().map(|(id, _)| *id).collect();
        for (id, _) in ROWS {
            assert!(all.iter().any(|row| row.id == id), "{id}");
        }
        for row in all {
            assert!(
                !is_other(&row.id) || noted.contains(row.id.as_str()),
                "{}",
                row.id
            );
            assert!(row.companion.is_none() || is_other(&row.id), "{}", row.id);
        }
    }
}
