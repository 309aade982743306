//! The goals, and which of them a run has reached.

use serde::Serialize;

use crate::figure::short;
use crate::results::Results;

/// A goal with the result of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Goal {
    /// The text of the goal.
    pub(crate) what: String,
    /// The result of the run.
    pub(crate) figure: String,
    /// True if that is enough.
    pub(crate) reached: bool,
}

/// A value with its limit.
struct Limit {
    value: f64,
    most: f64,
    unit: &'static str,
}

const MIB: f64 = 1024.0 * 1024.0;
/// Algorithms, and how many times what `jwt_authn` without its cache costs a new token may cost. The host verifies
/// the first three for us; the others are verified in the module.
pub(crate) const NEW_TOKEN: [(&str, f64); 5] = [
    ("RS256", 1.2),
    ("ES256", 1.2),
    ("ES384", 1.2),
    ("EdDSA", 1.3),
    ("PS256", 3.0),
];

/// All goals that this run has figures for.
#[expect(clippy::too_many_lines, reason = "a list of goals")]
pub(crate) fn goals(results: &Results) -> Vec<Goal> {
    let rows = |id: &str| results.row(id);
    let mut goals = Vec::new();
    let mut add =
        |goal: &str, limit: Option<Limit>| goals.extend(limit.map(|limit| limit.goal(goal)));
    add(
        "cached token: (e) - (a) at most 0.85 x ((d) - (a)), median of the starts",
        results
            .in_rounds(["e", "d", "a"], |[e, d, a]| (e - a) / (d - a))
            .map(|times| Limit::times(times, 0.85)),
    );
    add(
        "cached token, dynamic module: (n) - (a) at most 0.35 x ((d) - (a)), median of the starts",
        results
            .in_rounds(["n", "d", "a"], |[n, d, a]| (n - a) / (d - a))
            .map(|times| Limit::times(times, 0.35)),
    );
    add(
        "cached token: at most 6 us above (b-sdk)",
        with([rows("e"), rows("b-sdk")], |[e, b]| Limit::us(e - b, 6.0)),
    );
    add(
        "many tokens: (f) within 1.1 x of (e)",
        ratio(rows("f"), rows("e"), 1.1),
    );
    for (name, most) in NEW_TOKEN {
        let [new, native] = ["g", "c"].map(|row| rows(&format!("{row}-{}", name.to_lowercase())));
        add(
            &format!("new token each time, {name}: at most {most} x (c)"),
            ratio(new, native, most),
        );
    }
    add(
        "10,000 patterns within 1.2 x of 10",
        ratio(rows("h-10000"), rows("h-10"), 1.2),
    );
    add(
        "10,000 patterns compiled in under 300 ms",
        results
            .figure("configure-10000")
            .map(|ms| Limit::ms(ms, 300.0)),
    );
    add(
        "a condition on `req`: at most 2.5 us above (e)",
        with([rows("i"), rows("e")], |[i, e]| Limit::us(i - e, 2.5)),
    );
    let bodies = [
        results.figure("body-filtered"),
        results.figure("body-plain"),
    ];
    add(
        "body of a push: within 1.03 x of no filter",
        with(bodies, |[ours, plain]| Limit::times(ours / plain, 1.03)),
    );
    let memory = ["memory-ours", "memory-empty"].map(|id| results.figure(id));
    add(
        "memory: Envoy with one worker at most 30 MiB above the empty module",
        with(memory, |[ours, empty]| Limit {
            value: ours - empty,
            most: 30.0,
            unit: " MiB",
        }),
    );
    add(
        "memory: a worker with 10,000 identities at most 8 MiB above the empty module",
        results.figure("memory-above").map(|value| Limit {
            value,
            most: 8.0,
            unit: " MiB",
        }),
    );
    add(
        "memory: no growth (1 MiB) when the cache is full",
        results.figure("memory-growth").map(|value| Limit {
            value,
            most: 1.0,
            unit: " MiB",
        }),
    );
    let size = results.module_size / MIB;
    add(
        "module: at most 1.5 MiB",
        Some(Limit {
            value: size,
            most: 1.5,
            unit: " MiB",
        }),
    );
    add(
        "configure with 100 patterns: under 5 ms",
        results.figure("configure-100").map(|ms| Limit::ms(ms, 5.0)),
    );
    for (goal, id, most) in [
        (
            "`run` is live 3,000 ms after the first line of Envoy",
            "run-after-envoy",
            3000.0,
        ),
        (
            "a change to 1,000 patterns is live in 2,000 ms",
            "run-change",
            2000.0,
        ),
    ] {
        add(goal, results.figure(id).map(|ms| Limit::ms(ms, most)));
    }
    goals
}

fn with<const N: usize>(
    values: [Option<f64>; N],
    limit: impl Fn([f64; N]) -> Limit,
) -> Option<Limit> {
    let known: Vec<f64> = values.into_iter().flatten().collect();
    <[f64; N]>::try_from(known).ok().map(limit)
}

fn ratio(value: Option<f64>, base: Option<f64>, limit: f64) -> Option<Limit> {
    with([value, base], |[value, base]| {
        Limit::times(value / base, limit)
    })
}

impl Limit {
    const fn times(value: f64, most: f64) -> Self {
        Self {
            value,
            most,
            unit: " x",
        }
    }

    const fn us(value: f64, most: f64) -> Self {
        Self {
            value,
            most,
            unit: " us",
        }
    }

    const fn ms(value: f64, most: f64) -> Self {
        Self {
            value,
            most,
            unit: " ms",
        }
    }

    fn goal(&self, what: &str) -> Goal {
        let figure = format!("{}{}", short(self.value), self.unit);
        Goal {
            what: what.to_owned(),
            figure,
            reached: self.value <= self.most,
        }
    }
}
