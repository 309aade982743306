//! Results as the XML that the Ant task of `JUnit` writes, which CI systems read.
//!
//! Written by hand: the libraries for it bring an XML parser and clocks, and all that is needed is
//! to escape texts.

use super::outcome::{Outcomes, Suite, Tested};

/// Stands for a character that XML has no place for (XML 1.0 section 2.2).
const REPLACEMENT: char = '\u{fffd}';

/// Returns the whole document.
pub(super) fn document(outcomes: &Outcomes) -> String {
    let suites: String = outcomes.suites.iter().map(suite).collect();
    let tests: usize = outcomes.suites.iter().map(|suite| suite.tests.len()).sum();
    let failures: usize = outcomes.suites.iter().map(failures).sum();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"registry-auth test\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n{suites}</testsuites>\n"
    )
}

fn failures(suite: &Suite) -> usize {
    let failed = suite.tests.iter().filter(|test| !test.problems.is_empty());
    failed.count()
}

fn suite(suite: &Suite) -> String {
    let skipped = suite.tests.iter().filter(|test| test.left_out.is_some());
    let mut text = format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
        escaped(&suite.name),
        suite.tests.len(),
        failures(suite),
        skipped.count()
    );
    for test in &suite.tests {
        text.push_str(&case(&suite.name, test));
    }
    text.push_str("  </testsuite>\n");
    text
}

/// One test. Its failures are one element: some readers take the first only.
fn case(suite: &str, test: &Tested) -> String {
    let begin = format!(
        "    <testcase classname=\"{}\" name=\"{}\"",
        escaped(suite),
        escaped(&test.name)
    );
    let rest = match (test.left_out, test.problems.first()) {
        (Some(why), _) => format!(
            ">\n      <skipped message=\"{}\"/>\n    </testcase>\n",
            escaped(why)
        ),
        (None, None) => "/>\n".to_owned(),
        (None, Some(first)) => {
            let all = test.problems.iter();
            let all = all.map(|problem| format!("{}\n{}", problem.what, problem.trace));
            let all: Vec<_> = all.collect();
            format!(
                ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>\n",
                escaped(&test.path),
                escaped(&first.what),
                escaped(&all.join("\n"))
            )
        }
    };
    begin + &rest
}

/// A text as the content of an element or of an attribute in double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(letter),
            '\u{fffe}' | '\u{ffff}' => escaped.push(REPLACEMENT),
            _ if letter.is_control() => escaped.push(REPLACEMENT),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped_for_xml() {
        let rows = [
            (
                "a < b && c > \"d\"",
                "a &lt; b &amp;&amp; c &gt; &quot;d&quot;",
            ),
            ("]]>", "]]&gt;"),
            ("l1\nl2\t.", "l1\nl2\t."),
            (
                "\u{1b}[31m\0\r\u{ffff}\u{85}",
                "\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("émile 🐳", "émile 🐳"),
        ];
        for (text, expected) in rows {
            assert_eq!(escaped(text), expected, "{text:?}");
        }
    }
}
