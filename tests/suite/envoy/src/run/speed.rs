//! A policy of a thousand patterns: it is made live, however long that takes. The benchmark says how
//! long.

use anyhow::{Context as _, Result};
use registry_auth_harness::client::Request;
use registry_auth_harness::upstream::Upstream;
use serde_json::{Map, Value, json};

use super::fixture::{Run, Setup, open};

/// Number of patterns.
const PATTERNS: usize = 1_000;

fn large(action: &str) -> Value {
    let mut document = open(&["read"]);
    let patterns: Map<String, Value> = (0..PATTERNS)
        .map(|number| {
            (
                format!("team-{number}/**"),
                json!({"anonymousPolicy": [action]}),
            )
        })
        .collect();
    if let Some(repositories) = document.pointer_mut("/http/accessControl/repositories") {
        *repositories = Value::Object(patterns);
    }
    document
}

#[test]
fn a_large_policy_is_made_live() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = Run::start(&Setup {
        document: &open(&["read"]),
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })?;
    let request = Request::new("GET", "/v2/team-999/app/tags/list");
    for (count, action, status) in [(2, "read", 200), (3, "create", 401)] {
        let began = std::time::Instant::now();
        run.replace(&large(action))?;
        run.is_live(count).context("a large policy")?;
        run.comes_to(status, &request)?;
        eprintln!("live after {} ms", began.elapsed().as_millis());
    }
    Ok(())
}
