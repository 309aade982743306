//! What is wrong with a configuration: the page says it as the program does.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::module;
use registry_auth_playground::Workbench;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

/// What the page and the program have to say the same of: the members of a finding.
const MEMBERS: [&str; 5] = ["id", "level", "message", "path", "write"];

/// The findings of `registry-auth check`, each as a line.
fn of_program(program: &Path, file: &Path) -> Result<Vec<String>> {
    let mut command = Command::new(program);
    let output = command
        .args(["check", "--json", "--config"])
        .arg(file)
        .output()?;
    let value: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "{}: {}",
            file.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let found = value
        .get("findings")
        .and_then(Value::as_array)
        .context("findings")?;
    Ok(found.iter().map(|one| line(one, one)).collect())
}

/// The same of the page.
fn of_page(file: &Path, text: &str) -> Result<Vec<String>> {
    let is_json = file.extension().is_some_and(|ending| ending == "json");
    let format = if is_json { "json" } else { "yaml" };
    let question = json!({ "text": text, "format": format, "now": NOW });
    let answer = Workbench::default().check(&question.to_string());
    let value: Value = serde_json::from_str(&answer)?;
    let found = value
        .get("findings")
        .and_then(Value::as_array)
        .context("findings")?;
    Ok(found.iter().map(|one| line(one, &one["place"])).collect())
}

fn line(finding: &Value, place: &Value) -> String {
    let members = MEMBERS.map(|name| finding.get(name).unwrap_or(&Value::Null).to_string());
    let places = ["line", "column", "endLine", "endColumn"];
    let places = places.map(|name| place.get(name).unwrap_or(&Value::Null).to_string());
    format!("{} {}", places.join(":"), members.join(" "))
}

#[test]
fn the_findings_are_those_that_the_program_prints() -> Result<()> {
    let program = module::shim().context("the program")?;
    let folder = module::workspace().join("tests/mistakes");
    let wanted = fs::read_to_string(folder.join("wanted.tsv"))?;
    let mut count = 0;
    let mut wrong = Vec::new();
    for row in wanted
        .lines()
        .filter(|row| !row.starts_with('#') && row.ends_with('\t'))
    {
        let file = folder.join(row.split('\t').next().unwrap_or_default());
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        // The page says what is wrong with it, and the program does not know.
        if file.ends_with("yaml-documents.yaml") {
            continue;
        }
        count += 1;
        let (program, page) = (of_program(&program, &file)?, of_page(&file, &text)?);
        if program != page {
            wrong.push(format!(
                "{}:\n  {}\n  {}",
                file.display(),
                program.join("\n  "),
                page.join("\n  ")
            ));
        }
    }
    ensure!(count > 100, "{count} files");
    ensure!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    Ok(())
}
