//! A file that becomes a pipe for a while, and a file that is as before again.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::upstream::Upstream;
use serde_json::{Value, json};

use super::fixture::{Run, Setup, open};

/// What `run` logs.
const REFUSED: &str = "the configuration is refused; the one of before stays";
const AGAIN: &str = "the configuration is again the one that is live";
const NOT_USED: &str = "--upstream has precedence: `http://127.0.0.1:1";

fn start(document: &Value, upstream: &Upstream) -> Result<Run> {
    Run::start(&Setup {
        document,
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })
}

/// Nothing waits for a pipe: the endpoints answer, and the next file is read.
#[test]
fn a_file_that_becomes_a_pipe_is_refused() -> Result<()> {
    let upstream = Upstream::start()?;
    let document = open(&["read"]);
    let mut run = start(&document, &upstream)?;
    let made = Command::new("mkfifo").arg(run.path("pipe")).status()?;
    ensure!(made.success(), "mkfifo: {made}");
    fs::rename(run.path("pipe"), run.path("zot.json"))?;
    run.says(REFUSED, 1)?;
    let lines = run.log().with(REFUSED)?;
    let reason = lines.last().and_then(|line| line.get("reason")?.as_str());
    let reason = reason.context("no reason")?;
    ensure!(reason.contains("it is a pipe or a device"), "{reason}");
    run.is_ready()?;
    ensure!(run.refused()?.is_some(), "/readyz does not say it");

    // The last line says what is true, not what was.
    run.replace(&document)?;
    run.says(AGAIN, 1)?;
    ensure!(run.refused()?.is_none(), "it is not refused any more");
    run.replace(&open(&["create"]))?;
    run.is_live(2)?;
    ensure!(run.log().with(REFUSED)?.len() == 1, "it is said again");
    Ok(())
}

/// A change that has no effect is said, though nothing becomes live.
#[test]
fn another_registry_in_the_file_is_not_used_and_that_is_said() -> Result<()> {
    let upstream = Upstream::start()?;
    let with = |registry: &str| {
        let mut document = open(&["read"]);
        if let Some(members) = document.as_object_mut() {
            members.insert("proxy".to_owned(), json!({"upstream": registry}));
        }
        document
    };
    let option = format!("http://{}", upstream.address());
    let mut run = Run::start(&Setup {
        document: &with("http://127.0.0.1:1"),
        upstream: upstream.address(),
        arguments: &["--upstream", &option],
        environment: &[],
    })?;
    run.says(NOT_USED, 1)?;
    run.replace(&with("http://127.0.0.1:11"))?;
    run.says(NOT_USED, 2)?;
    ensure!(run.log().with(AGAIN)?.is_empty(), "nothing was refused");
    Ok(())
}
