//! The table of instructions.

use std::fmt::Write as _;

use registry_auth_harness::machine::Machine;

use crate::goal::NEW_TOKEN;
use crate::instructions::Counted;

/// Goals of tokens in the cache: rows, and how many times what (d) takes above (a) they may take.
const CACHED: [(&str, &str, f64); 2] = [
    (
        "e",
        "cached token: (e) - (a) at most 0.85 x ((d) - (a))",
        0.85,
    ),
    (
        "n",
        "cached token, dynamic module: (n) - (a) at most 0.35 x ((d) - (a))",
        0.35,
    ),
];

/// Returns the table in Markdown, and which goals it shows as reached.
pub(crate) fn table(machine: &Machine, rows: &[Counted]) -> String {
    let of = |id: &str| {
        rows.iter()
            .find(|counted| counted.row.id == id)
            .map(|counted| counted.each)
    };
    let above = |each: f64| of("a").map(|none| each - none);
    let ratio = |each: f64| Some(above(each)? / above(of("d")?)?);
    let mut table = format!(
        "Envoy {}, {}; commit {}.\n\n| row | what | instructions per request | above (a) | (d) above (a) = 1 |\n|---|---|--:|--:|--:|\n",
        machine.envoy, machine.rustc, machine.commit
    );
    for Counted { row, each } in rows {
        let above = above(*each).map_or_else(String::new, |above| format!("{above:.0}"));
        let ratio = ratio(*each).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {each:.0} | {above} | {ratio} |",
            row.id, row.what
        );
    }
    let cached = CACHED.iter().filter_map(|(id, what, most)| {
        let ratio = ratio(of(id)?)?;
        Some(goal(what, ratio, *most))
    });
    let new = NEW_TOKEN.iter().filter_map(|(name, most)| {
        let [new, native] = ["g", "c"].map(|row| of(&format!("{row}-{}", name.to_lowercase())));
        let what = format!("new token each time, {name}: at most {most} x (c)");
        Some(goal(&what, new? / native?, *most))
    });
    let goals: String = cached.chain(new).collect();
    if !goals.is_empty() {
        table += "\n| goal, in instructions | this run | |\n|---|--:|---|\n";
        table += &goals;
    }
    table
}

fn goal(what: &str, ratio: f64, most: f64) -> String {
    let reached = if ratio <= most {
        "reached"
    } else {
        "not reached"
    };
    format!("| {what} | {ratio:.2} x | {reached} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row;

    #[test]
    fn rows_are_compared_above_no_filter() {
        let machine = Machine {
            cpu: String::new(),
            cores: 1,
            kernel: String::new(),
            envoy: "1".to_owned(),
            rustc: "rustc 1".to_owned(),
            commit: "abc".to_owned(),
            date: String::new(),
        };
        let each = [("a", 100.0), ("d", 200.0), ("e", 180.0), ("n", 140.0)];
        let rows: Vec<_> = row::all()
            .into_iter()
            .filter_map(|row| {
                let (_, each) = each.iter().find(|(id, _)| *id == row.id)?;
                Some(Counted { row, each: *each })
            })
            .collect();
        let text = table(&machine, &rows);
        for part in [
            "| e | ours, token in the cache | 180 | 80 | 0.80 |",
            "x ((d) - (a)) | 0.80 x | reached |",
            "x ((d) - (a)) | 0.40 x | not reached |",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
