//! Results in the Test Anything Protocol, version 13: some readers take no later one.

use super::outcome::{Outcomes, Problem, Suite, Tested};

/// Returns the whole document.
pub(super) fn document(outcomes: &Outcomes) -> String {
    let count: usize = outcomes.suites.iter().map(|suite| suite.tests.len()).sum();
    let mut lines = vec!["TAP version 13".to_owned(), format!("1..{count}")];
    let tests = outcomes.suites.iter();
    let tests = tests.flat_map(|suite| suite.tests.iter().map(move |test| (suite, test)));
    for (number, (suite, test)) in (1..).zip(tests) {
        result(&mut lines, number, suite, test);
    }
    for remark in outcomes.sums().iter().chain(&outcomes.remarks) {
        lines.push(format!("# {}", plain(remark)));
    }
    lines.join("\n") + "\n"
}

fn result(lines: &mut Vec<String>, number: usize, suite: &Suite, test: &Tested) {
    let verdict = if test.problems.is_empty() {
        "ok"
    } else {
        "not ok"
    };
    let description = escaped(&format!("{}: {}", suite.name, test.name));
    let skipped = test.left_out.map(|why| format!(" # SKIP {why}"));
    let skipped = skipped.unwrap_or_default();
    lines.push(format!("{verdict} {number} - {description}{skipped}"));
    if test.problems.is_empty() {
        return;
    }
    lines.extend(["  ---".to_owned(), format!("  at: {}", quoted(&test.path))]);
    // Flat, and without an indicator of indentation: readers take little of YAML.
    lines.push("  trace: |".to_owned());
    for Problem { what, trace } in &test.problems {
        let trace = std::iter::once(what.as_str()).chain(trace.lines());
        lines.extend(trace.map(|line| format!("    {}", plain(line))));
    }
    lines.push("  ...".to_owned());
}

/// A description: `#` begins a directive, and a backslash escapes.
fn escaped(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('#', "\\#")
}

/// A text of YAML in double quotes, which is one of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(plain(text)).to_string()
}

/// A text in one line, without characters that neither YAML nor a terminal has a place for.
fn plain(text: &str) -> String {
    let escape = |letter: char| {
        if letter.is_control() {
            letter.escape_debug().to_string()
        } else {
            letter.to_string()
        }
    };
    text.chars().map(escape).collect()
}
