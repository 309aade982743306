//! The results of a run, as a page and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::figure::{Figure, median, short};
use crate::goal::{Goal, goals};
use crate::load::Generator;
use crate::others;
use crate::rounds::{Measured, Plan};
use registry_auth_harness::machine::Machine;

/// The results of one run.
pub(crate) struct Results {
    /// The machine and the versions.
    pub(crate) machine: Machine,
    /// The load generator.
    pub(crate) generator: Generator,
    /// Durations and number of rounds.
    pub(crate) plan: Plan,
    /// The rows.
    pub(crate) rows: Vec<Measured>,
    /// The other measurements.
    pub(crate) figures: Vec<Figure>,
    /// The module that ships, in bytes.
    pub(crate) module_size: f64,
}

impl Results {
    /// The result of a row.
    pub(crate) fn measured(&self, id: &str) -> Option<&Measured> {
        self.rows.iter().find(|measured| measured.row.id == id)
    }

    /// The median of a row, in microseconds for each request.
    pub(crate) fn row(&self, id: &str) -> Option<f64> {
        self.measured(id).map(Measured::median)
    }

    /// The median over the rounds of what is computed from several rows of one round; each round has
    /// an Envoy of its own.
    pub(crate) fn in_rounds<const N: usize>(
        &self,
        ids: [&str; N],
        of: impl Fn([f64; N]) -> f64,
    ) -> Option<f64> {
        let samples = |id: &&str| Some(self.measured(id)?.samples.as_slice());
        let rows: Vec<&[f64]> = ids.iter().map(samples).collect::<Option<_>>()?;
        let round = |index: usize| {
            let values = rows.iter().map(|row| row.get(index).copied());
            let values: Vec<f64> = values.collect::<Option<_>>()?;
            <[f64; N]>::try_from(values).ok().map(&of)
        };
        let values: Vec<f64> = (0..self.plan.rounds).filter_map(round).collect();
        (!values.is_empty()).then(|| median(&values))
    }

    /// The median of a figure, in its unit.
    pub(crate) fn figure(&self, id: &str) -> Option<f64> {
        self.figures
            .iter()
            .find(|figure| figure.id == id)
            .map(Figure::median)
    }

    /// The tables, in Markdown; [`others::table`] is apart.
    pub(crate) fn page(&self) -> String {
        let parts = [
            self.about(),
            self.table(),
            self.beside(),
            table_of(&goals(self)),
        ];
        parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The machine, the versions and the plan.
    pub(crate) fn about(&self) -> String {
        let Machine {
            cpu,
            cores,
            kernel,
            envoy,
            rustc,
            commit,
            date,
        } = &self.machine;
        let Plan { rounds, time, .. } = self.plan;
        let day = date.get(..10).unwrap_or(date);
        format!(
            "{day}, commit {commit}, {cpu}, {cores} cores, Linux {kernel}, Envoy {envoy}, {rustc}; {}, {rounds} starts of Envoy with two turns of {} s each; module of {} bytes.\n",
            self.generator.name(),
            time.as_secs_f64(),
            self.module_size,
        )
    }

    fn table(&self) -> String {
        let mut rows = self
            .rows
            .iter()
            .filter(|measured| !others::is_other(&measured.row.id))
            .peekable();
        if rows.peek().is_none() {
            return String::new();
        }
        let mut table =
            "| row | what | us CPU per request | lowest - highest | above (a) | (d) = 1 |\n|---|---|--:|--:|--:|--:|\n"
                .to_owned();
        let [none, native] = ["a", "d"].map(|id| self.row(id));
        for measured in rows {
            let value = measured.median();
            let lowest = measured
                .samples
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            let highest = measured.samples.iter().copied().fold(0.0, f64::max);
            let above = none.map_or_else(String::new, |none| short(value - none));
            let ratio = native.map_or_else(String::new, |native| format!("{:.2}", value / native));
            let (id, what) = (&measured.row.id, &measured.row.what);
            let [value, lowest, highest] = [value, lowest, highest].map(short);
            // Writing to a string cannot fail.
            let _ = writeln!(
                table,
                "| {id} | {what} | {value} | {lowest} - {highest} | {above} | {ratio} |"
            );
        }
        table
    }

    fn beside(&self) -> String {
        table_of_figures(&self.figures)
    }

    /// All samples, for programs.
    pub(crate) fn to_json(&self) -> Value {
        let row = |measured: &Measured| {
            json!({
                "id": measured.row.id,
                "what": measured.row.what,
                "unit": "us CPU",
                "median": median(&measured.samples),
                "samples": measured.samples,
                "companion": measured.companion,
                "requests": measured.requests,
            })
        };
        json!({
            "machine": self.machine,
            "generator": self.generator.name(),
            "rounds": self.plan.rounds,
            "seconds": self.plan.time.as_secs_f64(),
            "module": self.module_size,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "figures": self.figures,
            "goals": goals(self),
        })
    }
}

/// Returns the table of figures; nothing if there are none.
pub(crate) fn table_of_figures(figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let mut table = "| what | median | unit |\n|---|--:|---|\n".to_owned();
    for figure in figures {
        let _ = writeln!(
            table,
            "| {} | {} | {} |",
            figure.what,
            short(figure.median()),
            figure.unit
        );
    }
    table
}

fn table_of(goals: &[Goal]) -> String {
    let mut table = "| goal | this run | |\n|---|--:|---|\n".to_owned();
    for Goal {
        what,
        figure,
        reached,
    } in goals
    {
        let reached = if *reached { "reached" } else { "not reached" };
        let _ = writeln!(table, "| {what} | {figure} | {reached} |");
    }
    table
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;
    use crate::row;

    /// Results with these rows.
    pub(crate) fn results(medians: &[(&str, f64)]) -> Results {
        let measured = |(id, value): &(&str, f64)| Measured {
            row: row::all().into_iter().find(|row| row.id == *id).unwrap(),
            samples: vec![*value],
            companion: Vec::new(),
            requests: 1,
        };
        Results {
            machine: Machine {
                cpu: "cpu".into(),
                cores: 2,
                kernel: "6".into(),
                envoy: "1.40.0".into(),
                rustc: "rustc 1.95.0".into(),
                commit: "abc".into(),
                date: "2026-01-02T00:00:00Z".into(),
            },
            generator: Generator::Own,
            plan: Plan {
                rounds: 1,
                time: Duration::from_secs(1),
                warm_up: Duration::ZERO,
                fresh: 1,
            },
            rows: medians.iter().map(measured).collect(),
            figures: vec![Figure::new(
                "configure-100",
                "configure",
                vec![60.0],
                "ms CPU",
            )],
            module_size: 1024.0 * 1024.0,
        }
    }

    #[test]
    fn goals_are_judged_by_the_figures_of_the_run_and_left_out_without_them() {
        let results = results(&[("a", 50.0), ("d", 80.0), ("e", 75.0), ("f", 90.0)]);
        let judged: Vec<_> = goals(&results)
            .into_iter()
            .map(|goal| (goal.figure, goal.reached))
            .collect();
        let expected = [
            ("0.83 x", true),
            ("1.20 x", false),
            ("1.00 MiB", true),
            ("60.0 ms", false),
        ]
        .map(|(figure, reached)| (figure.to_owned(), reached));
        assert_eq!(judged, expected);
    }

    #[test]
    fn each_algorithm_has_a_goal_of_its_own_and_memory_is_compared_with_the_empty_module() {
        let mut results = results(&[
            ("c-rs256", 100.0),
            ("c-es256", 100.0),
            ("c-es384", 100.0),
            ("c-eddsa", 100.0),
            ("c-ps256", 100.0),
            ("g-rs256", 119.0),
            ("g-es256", 121.0),
            ("g-es384", 120.0),
            ("g-eddsa", 131.0),
            ("g-ps256", 299.0),
        ]);
        results.figures = [("memory-empty", 80.0), ("memory-ours", 111.0)]
            .map(|(id, mib)| Figure::new(id, id, vec![mib], "MiB"))
            .to_vec();
        let judged: Vec<_> = goals(&results)
            .into_iter()
            .map(|goal| (goal.figure, goal.reached))
            .collect();
        let expected = [
            ("1.19 x", true),
            ("1.21 x", false),
            ("1.20 x", true),
            ("1.31 x", false),
            ("2.99 x", true),
            ("31.0 MiB", false),
            ("1.00 MiB", true),
        ]
        .map(|(figure, reached)| (figure.to_owned(), reached));
        assert_eq!(judged, expected);
    }

    #[test]
    fn the_page_has_a_line_for_each_row() {
        let page = results(&[("a", 50.0), ("d", 80.0), ("e", 75.0)]).page();
        assert!(
            page.contains("| e | ours, token in the cache | 75.0 | 75.0 - 75.0 | 25.0 | 0.94 |"),
            "{page}"
        );
        assert!(
            page.starts_with("2026-01-02, commit abc, cpu, 2 cores"),
            "{page}"
        );
    }
}
