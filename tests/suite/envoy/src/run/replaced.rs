//! Changes of the policy together with what it decides about: no request is decided by one of them
//! and goes to the other.

use std::fs;

use anyhow::{Result, ensure};
use registry_auth_harness::client::Request;
use registry_auth_harness::load::{Kind, Load, Pressure};
use registry_auth_harness::upstream::Upstream;
use serde_json::{Value, json};

use super::fixture::{PATIENCE, Run, Setup, open};

const PRESSURE: Pressure = Pressure {
    connections: 4,
    patience: PATIENCE,
};
/// Requests before and after each change.
const REQUESTS: usize = 200;
const TARGET: &str = "/v2/team/app/tags/list";

/// A policy for this registry, under this name of its cluster, that lets everybody read or nobody.
fn document(is_open: bool, upstream: &Upstream, cluster: &str) -> Value {
    let mut document = open(&["read"]);
    if !is_open && let Some(repositories) = document.pointer_mut("/http/accessControl/repositories")
    {
        *repositories = json!({"other/**": {"anonymousPolicy": ["read"]}});
    }
    if let Some(document) = document.as_object_mut() {
        let upstream = format!("http://{}", upstream.address());
        let proxy = json!({"upstream": upstream, "upstreamCluster": cluster});
        document.insert("proxy".to_owned(), proxy);
    }
    document
}

/// The rows: whether everybody may read what is there before, and after, and whether the name of the
/// cluster changes.
#[test]
fn no_request_gets_a_policy_and_the_registry_of_another() -> Result<()> {
    let rows = [
        (true, false, false),
        (false, true, false),
        (true, false, true),
        (false, true, true),
    ];
    for (before, after, is_renamed) in rows {
        let row = format!("{before} {after} {is_renamed}");
        let (old, new) = (Upstream::start()?, Upstream::start()?);
        let mut run = Run::start(&Setup {
            document: &document(before, &old, "store"),
            upstream: old.address(),
            arguments: &[],
            environment: &[],
        })?;
        let kinds = [Kind {
            name: "tags",
            make: Box::new(|_| Ok(Request::new("GET", TARGET))),
        }];
        let status = |is_open| if is_open { 200 } else { 401 };
        let address = run.address()?;
        Load::run(&kinds, address, PRESSURE, |load| {
            load.turn("before", &vec![vec![status(before)]]);
            load.reach(REQUESTS, 1, PATIENCE)?;
            // 503 while neither may decide.
            load.widen("meanwhile", &vec![vec![status(after), 503]]);
            let name = if is_renamed { "other" } else { "store" };
            run.replace(&document(after, &new, name))?;
            run.is_live(2)?;
            load.reach(REQUESTS, 1, PATIENCE)
        })?;
        run.comes_to(status(after), &Request::new("GET", TARGET))?;
        // Whichever is closed has got nothing, and the other one something.
        for (is_open, upstream) in [(before, &old), (after, &new)] {
            let requests = upstream.requests();
            ensure!(is_open == (requests > 0), "{row}: {requests}");
        }
    }
    Ok(())
}

/// A change that fails half-way is taken back: nothing passes until the registry of before is there
/// again, and then the policy of before decides.
#[test]
fn nothing_passes_until_a_change_is_taken_back() -> Result<()> {
    let (old, new) = (Upstream::start()?, Upstream::start()?);
    let mut run = Run::start(&Setup {
        document: &document(true, &old, "store"),
        upstream: old.address(),
        arguments: &[],
        environment: &[],
    })?;
    let before = run.files_of_envoy(false)?;
    let obstacle = run.private_folder()?.join("clusters.yaml.new");
    fs::create_dir(&obstacle)?;
    run.replace(&document(false, &new, "store"))?;
    run.says("writing the configuration of before failed", 1)?;
    let tags = Request::new("GET", TARGET);
    let answer = run.send(&tags)?;
    ensure!(answer.status == 503, "{}", answer.status);
    let (status, waiting) = run.readiness()?;
    ensure!(status == 503, "{waiting:?}");
    fs::remove_dir(&obstacle)?;
    run.says("the configuration is refused; the one of before stays", 1)?;
    ensure!(run.files_of_envoy(false)? == before);
    run.is_ready()?;
    let answer = run.send(&tags)?;
    ensure!(answer.status == 200, "{}", answer.status);
    ensure!((old.requests(), new.requests()) == (1, 0));
    Ok(())
}
