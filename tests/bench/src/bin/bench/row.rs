//! The rows of the benchmark.

use registry_auth_harness::workload::{ALGORITHMS, Algorithm, Policy};

use crate::chain::Chain;
use crate::companion::{Companion, Programs};

/// Number of tokens in rotation in row (f).
const ROTATING: usize = 1_000;

/// The tokens of a row's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// The same token in all requests.
    Same(Algorithm),
    /// This number of tokens in rotation.
    Rotation(Algorithm, usize),
    /// Each token once.
    Once(Algorithm),
}

/// A row of the benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its id: a letter, and a variant.
    pub(crate) id: String,
    /// Its description in the table.
    pub(crate) what: String,
    /// The filters.
    pub(crate) chain: Chain,
    /// The tokens of its requests.
    pub(crate) traffic: Traffic,
    /// The program that it needs in addition to Envoy.
    pub(crate) companion: Option<Companion>,
}

impl Row {
    /// Returns true if a forged token has to be refused.
    pub(crate) fn verifies(&self) -> bool {
        self.chain.verifies() || self.companion == Some(Companion::Zot { checks: true })
    }
}

/// All rows, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    let [rs256, ..] = ALGORITHMS;
    let plain = Chain::Ours(Policy::PLAIN);
    let mut rows = vec![
        row("a", "no filter", Chain::Nothing, Traffic::Same(rs256)),
        row(
            "b",
            "an empty module, written by hand",
            Chain::Empty,
            Traffic::Same(rs256),
        ),
        row(
            "b-calls",
            "the same with the host calls of (e)",
            Chain::Calls,
            Traffic::Same(rs256),
        ),
        row(
            "b-sdk",
            "an empty module with the Rust SDK, exports pruned",
            Chain::EmptySdk,
            Traffic::Same(rs256),
        ),
    ];
    for algorithm in ALGORITHMS {
        let what = format!("`jwt_authn` without cache and `rbac`, {}", algorithm.name);
        rows.push(row(
            &named("c", algorithm),
            &what,
            Chain::Native { cache: false },
            Traffic::Same(algorithm),
        ));
    }
    rows.extend([
        row(
            "d",
            "`jwt_authn` with cache and `rbac`",
            Chain::Native { cache: true },
            Traffic::Same(rs256),
        ),
        row("e", "ours, token in the cache", plain, Traffic::Same(rs256)),
        row(
            "f",
            "ours, 1,000 tokens in rotation",
            plain,
            Traffic::Rotation(rs256, ROTATING),
        ),
    ]);
    for algorithm in ALGORITHMS {
        let what = format!("ours, each token new, {}", algorithm.name);
        rows.push(row(
            &named("g", algorithm),
            &what,
            plain,
            Traffic::Once(algorithm),
        ));
    }
    for (patterns, text) in [(10, "10"), (1_000, "1,000"), (10_000, "10,000")] {
        let chain = Chain::Ours(Policy::of(patterns));
        rows.push(row(
            &format!("h-{patterns}"),
            &format!("ours, {text} patterns"),
            chain,
            Traffic::Same(rs256),
        ));
    }
    let chain = Chain::Ours(Policy {
        condition: true,
        ..Policy::PLAIN
    });
    rows.push(row(
        "i",
        "ours, a condition on `req`",
        chain,
        Traffic::Same(rs256),
    ));
    rows.extend(instead());
    rows.push(row(
        "n",
        "ours as a dynamic module, token in the cache",
        Chain::Dynamic(Policy::PLAIN),
        Traffic::Same(rs256),
    ));
    rows
}

/// What people would use instead.
fn instead() -> [Row; 4] {
    let [rs256, ..] = ALGORITHMS;
    let traffic = Traffic::Same(rs256);
    let zot = |id, what, checks| Row {
        companion: Some(Companion::Zot { checks }),
        ..row(id, what, Chain::Nothing, traffic)
    };
    [
        row(
            "lua",
            "Envoy's `lua` with an empty function",
            Chain::Lua,
            traffic,
        ),
        Row {
            companion: Some(Companion::Opa),
            ..row("opa", "`ext_authz` and OPA", Chain::Asked, traffic)
        },
        zot("zot", "zot checks tokens itself", true),
        zot("zot-open", "zot without authentication", false),
    ]
}

/// The rows that `wanted` names: by their whole name, or by the letter for all of it. When it names
/// none, all whose programs are there.
pub(crate) fn selected(wanted: &[String], programs: &Programs) -> Vec<Row> {
    let runs = |row: &Row| {
        row.companion
            .is_none_or(|companion| programs.has(companion))
    };
    let named = |row: &Row| {
        wanted
            .iter()
            .any(|name| row.id == *name || row.id.split('-').next() == Some(name))
    };
    all()
        .into_iter()
        .filter(|row| {
            if wanted.is_empty() {
                runs(row)
            } else {
                named(row)
            }
        })
        .collect()
}

fn named(letter: &str, algorithm: Algorithm) -> String {
    format!("{letter}-{}", algorithm.name.to_lowercase())
}

fn row(id: &str, what: &str, chain: Chain, traffic: Traffic) -> Row {
    Row {
        id: id.to_owned(),
        what: what.to_owned(),
        chain,
        traffic,
        companion: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_letter_names_all_rows_that_begin_with_it_and_no_two_rows_have_one_name() {
        let rows = all();
        assert_eq!(
            rows.iter()
                .map(|row| &row.id)
                .collect::<BTreeSet<_>>()
                .len(),
            rows.len()
        );
        let ids = |wanted: &[&str]| {
            let wanted: Vec<_> = wanted.iter().map(|&name| name.to_owned()).collect();
            selected(&wanted, &Programs::default())
                .into_iter()
                .map(|row| row.id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&["h", "e"]), ["e", "h-10", "h-1000", "h-10000"]);
        assert_eq!(ids(&["g-es256", "b-sdk"]), ["b-sdk", "g-es256"]);
        assert_eq!(ids(&["b"]), ["b", "b-calls", "b-sdk"]);
        // Of what needs a program that is not there, only what is asked for.
        assert_eq!(ids(&["zot"]), ["zot", "zot-open"]);
        assert_eq!(ids(&[]).len(), rows.len() - 3);
    }
}
