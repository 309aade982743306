//! The shipped alerts and the shipped dashboard, by Prometheus at a real Envoy, `serve` and `run`:
//! each alert fires in its failure and in no other, and each query of a panel has a result.

mod prometheus;
mod scenes;
mod stand;

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::module;
use serde_json::Value;

use self::prometheus::{Alert, Prometheus, RULES};
use self::scenes::{SCENES, Scene};
use self::stand::Stand;
use crate::Outcome;

const DASHBOARD: &str = "envoy/observability/dashboard.json";
/// What has no failure here: it needs a shadow policy.
const ELSEWHERE: &str = "RegistryAuthShadowDisagrees";
/// How long an alert may take.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);
/// How long the numbers of a failure that has ended may still come: some scrapes.
const SETTLING: Duration = Duration::from_secs(3);
/// How long nothing may fire while nothing fails.
const QUIET: Duration = Duration::from_secs(6);

#[test]
#[ignore = "needs Prometheus; `cargo xtask test` runs it in a step of its own"]
fn each_alert_fires_in_its_failure_and_each_panel_shows_something() -> Outcome {
    Ok(play_all()?)
}

fn play_all() -> Result<()> {
    let rules = fs::read_to_string(module::workspace().join(RULES)).context(RULES)?;
    let named: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .filter(|name| *name != ELSEWHERE)
        .collect();
    let played: BTreeSet<&str> = SCENES.iter().map(|scene| scene.alert).collect();
    assert_eq!(named, played);
    let mut stand = Stand::set_up()?;
    let prometheus = Prometheus::start(&rules, &stand.targets()?)?;
    let outcome = watch(&mut stand, &prometheus);
    outcome.with_context(|| stand.log())
}

fn watch(stand: &mut Stand, prometheus: &Prometheus) -> Result<()> {
    // Alerts that belong to a failure that was played.
    let mut known = BTreeSet::new();
    let end = Instant::now() + QUIET;
    while Instant::now() < end {
        let firing = firing(prometheus)?;
        ensure!(firing.is_empty(), "{firing:?} while nothing fails");
        thread::sleep(PAUSE);
    }
    for scene in SCENES {
        play(scene, stand, prometheus, &mut known).with_context(|| scene.alert)?;
    }
    panels(prometheus)
}

/// Plays a failure until its alert fires; nothing else may begin to.
fn play(
    scene: &Scene,
    stand: &mut Stand,
    prometheus: &Prometheus,
    known: &mut BTreeSet<[String; 3]>,
) -> Result<()> {
    let began = Instant::now();
    (scene.fail)(stand)?;
    loop {
        (scene.keep)(stand)?;
        let new: Vec<Alert> = firing(prometheus)?
            .into_iter()
            .filter(|alert| !known.contains(&alert.id()))
            .collect();
        let other = new.iter().find(|alert| alert.name != scene.alert);
        ensure!(other.is_none(), "{other:?} fires");
        if new.iter().any(|alert| alert.is_of(scene.labels)) {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "it does not fire");
        thread::sleep(PAUSE);
    }
    eprintln!("{}: {:.1} s", scene.alert, began.elapsed().as_secs_f64());
    (scene.mend)(stand)?;
    // It may go on for a while, or come again with the last that a worker counts of it; what is not
    // of this failure is of the next one.
    let end = Instant::now() + SETTLING;
    while Instant::now() < end {
        let alerts = prometheus.alerts()?.into_iter();
        let own = alerts.filter(|alert| alert.name == scene.alert);
        known.extend(own.map(|alert| alert.id()));
        thread::sleep(PAUSE);
    }
    Ok(())
}

fn firing(prometheus: &Prometheus) -> Result<Vec<Alert>> {
    let alerts = prometheus.alerts()?.into_iter();
    Ok(alerts.filter(|alert| alert.is_firing).collect())
}

/// Each query of a panel has at least one series.
fn panels(prometheus: &Prometheus) -> Result<()> {
    let text = fs::read_to_string(module::workspace().join(DASHBOARD)).context(DASHBOARD)?;
    let dashboard: Value = serde_json::from_str(&text).context(DASHBOARD)?;
    let panels = dashboard.get("panels").and_then(Value::as_array);
    let mut empty = Vec::new();
    for panel in panels.context("no panels")? {
        let targets = panel.get("targets").and_then(Value::as_array);
        for target in targets.context("a panel without queries")? {
            let query = target.get("expr").and_then(Value::as_str);
            let query = query.context("no query")?.replace("$namespace", ".*");
            if prometheus.query(&query)? == 0 {
                empty.push(query);
            }
        }
    }
    ensure!(empty.is_empty(), "no series: {empty:#?}");
    Ok(())
}
