//! The alerts, by promtool: each fires for what it is about.

use crate::programs::{path, succeed, text, tool};

const FOLDER: &str = "envoy/observability";

#[test]
fn alerts_fire_for_what_they_are_about() {
    for arguments in [["check", "alerts.yaml"], ["test", "alerts-test.yaml"]] {
        let [verb, file] = arguments;
        let mut command = tool("bin/promtool");
        command.current_dir(path(FOLDER));
        succeed(command.args([verb, "rules", file]));
    }
}

/// Names of alerts, each with its runbook.
fn alerts(rules: &str) -> Vec<(&str, &str)> {
    let alerts = rules.split("- alert: ").skip(1);
    let alert = alerts.map(|alert| {
        let name = alert.lines().next().unwrap_or_default();
        let runbook = alert.split("runbook: \"docs/faults.md: ").nth(1);
        let runbook = runbook.and_then(|rest| rest.split('"').next());
        (name, runbook.unwrap_or_default())
    });
    alert.collect()
}

#[test]
fn each_alert_is_tested_and_on_the_page_and_has_a_runbook() {
    let rules = text(&format!("{FOLDER}/alerts.yaml"));
    let tests = text(&format!("{FOLDER}/alerts-test.yaml"));
    let (page, faults) = (text("docs/metrics.md"), text("docs/faults.md"));
    let alerts = alerts(&rules);
    assert!(alerts.len() > 8, "{alerts:?}");
    for (name, runbook) in &alerts {
        let expected = format!("alertname: {name}\n        exp_alerts:");
        assert!(tests.contains(&expected), "no test lets {name} fire");
        let quiet = format!("alertname: {name} }}");
        assert!(tests.contains(&quiet), "no test has {name} silent");
        let row = format!("\n| `{name}` | ");
        assert!(page.contains(&row), "docs/metrics.md has no {name}");
        let row = format!("\n| {runbook} | ");
        assert!(
            !runbook.is_empty() && faults.contains(&row),
            "docs/faults.md has no row `{runbook}` for {name}"
        );
    }
    let rows = page.matches("\n| `RegistryAuth").count();
    assert_eq!(rows, alerts.len(), "docs/metrics.md has others");
}
