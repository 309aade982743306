//! The record that a client is given with a refusal, from a `run` that has a push key.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::Request;
use registry_auth_harness::upstream::Upstream;
use serde_json::json;

use super::fixture::{Run, Setup, command, open};

const NAME: &str = "OWN_PUSH_KEY";
const KEY: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn the_record_of_a_refusal_opens_with_the_key_that_run_was_given() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut document = open(&["read"]);
    let members = document.as_object_mut().context("an object")?;
    members.insert("log".into(), json!({ "decisions": { "trace": true } }));
    members.insert("proxy".into(), json!({ "pushKey": { "env": NAME } }));
    let mut run = Run::start(&Setup {
        document: &document,
        upstream: upstream.address(),
        arguments: &[],
        environment: &[(NAME, KEY)],
    })?;
    let refused =
        run.send(&Request::new("GET", "/elsewhere").header("authorization", "Bearer a.b.c"))?;
    ensure!(refused.status == 404, "{}", refused.status);
    // The access log has the record too.
    let log = run.log().clone();
    run.until("a record in the access log", || {
        let is_access =
            |line: &serde_json::Value| line.get("target").is_some_and(|target| target == "access");
        let lines = log.lines()?.into_iter().filter(is_access);
        Ok(lines.map(|line| line.to_string()).any(|line| {
            line.contains("registry_auth") && line.contains("not_found") && line.contains("policy")
        }))
    })?;
    // (push key, exit status, a part of what is printed)
    let rows = [
        (KEY, 3, "REFUSED 404"),
        ("another key of thirty-two bytes!", 1, "opens"),
    ];
    for (key, status, text) in rows {
        let mut explain = command(&run.path(""))?
            .args(["explain", "--config", "zot.json", "--trace", "-"])
            .env(NAME, key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = explain.stdin.take().context("no input")?;
        stdin.write_all(&refused.body)?;
        drop(stdin);
        let output = explain.wait_with_output()?;
        let printed = String::from_utf8([output.stdout, output.stderr].concat())?;
        ensure!(output.status.code() == Some(status), "{printed}");
        ensure!(printed.contains(text), "{printed}");
    }
    Ok(())
}
