//! The signatures that zot's checker accepts; `testdata/conformance/README.md` says where they
//! come from.

use super::*;

const LETTERS: &str = "dnbiufsytDTlLmoO";

/// Each function and operator with values of each type: accepted here if and only if cel-go accepts
/// it.
#[test]
fn what_zots_checker_refuses_is_refused() {
    let mut failures = Vec::new();
    for line in include_str!("testdata/signatures.txt").lines() {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let kind = words.next().unwrap();
        let name = if ["cond", "index", "list"].contains(&kind) {
            ""
        } else {
            words.next().unwrap()
        };
        let accepted: Vec<&str> = words.collect();
        // Its format is checked against its arguments there.
        if name == "format" {
            continue;
        }
        let most = accepted.iter().map(|word| word.len()).max().unwrap_or(1);
        for letters in combinations(most.min(2))
            .into_iter()
            .chain(accepted.iter().map(|word| (*word).to_owned()))
        {
            let letters = if letters == "-" {
                String::new()
            } else {
                letters
            };
            let arguments = letters.chars().map(sample).collect::<Vec<_>>();
            // Not probed, to keep the table short.
            if kind == "member"
                && letters
                    .chars()
                    .skip(1)
                    .any(|letter| "nuDT".contains(letter))
            {
                continue;
            }
            let Some(source) = written(kind, name, &arguments) else {
                continue;
            };
            let expected = accepted.contains(&letters.as_str())
                || (letters.is_empty() && accepted.contains(&"-"));
            let found = Expression::compile(&source, Scope::Claims);
            // Constants are checked here too, in cel-go only when the program is made.
            let constant = |error: &CompileError| {
                let shown = error.to_string();
                shown.contains("this constant") || shown.contains("time zone")
            };
            let found = match found {
                Err(error) if constant(&error) => continue,
                found => found,
            };
            // A null operand is refused here also where it only fails when it is evaluated there.
            let tolerated = ["op", "index"].contains(&kind) && letters.contains('n') && expected;
            if found.is_ok() != expected && !tolerated {
                failures.push(format!(
                    "{kind} {name} {letters}: {source}: {expected}, found {found:?}"
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{}\n{} failures",
        failures.join("\n"),
        failures.len()
    );
}

fn combinations(most: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..most {
        last = last
            .iter()
            .flat_map(|word| LETTERS.chars().map(move |letter| format!("{word}{letter}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn sample(letter: char) -> &'static str {
    match letter {
        'd' => "vars.x",
        'n' => "null",
        'b' => "true",
        'i' => "1",
        'u' => "1u",
        'f' => "1.0",
        's' => "'a'",
        'y' => "b'a'",
        't' => "timestamp(0)",
        'D' => "duration('1s')",
        'T' => "int",
        'l' => "['a']",
        'L' => "[1]",
        'm' => "{'a': 1}",
        'o' => "optional.of('a')",
        _ => "[optional.of(1)]",
    }
}

fn written(kind: &str, name: &str, arguments: &[&str]) -> Option<String> {
    Some(match (kind, arguments) {
        ("op", [one, other]) => format!("{one} {name} {other}"),
        ("unary", [one]) => format!("{name}({one})"),
        ("cond", [one, other]) => format!("vars.c ? {one} : {other}"),
        ("index", [one, other]) => format!("{one}[{other}]"),
        ("list", [one, other]) => format!("[{one},{other}]"),
        ("global", arguments) => format!("{name}({})", arguments.join(", ")),
        ("member", [target, arguments @ ..]) => {
            format!("{target}.{name}({})", arguments.join(", "))
        }
        _ => return None,
    })
}
