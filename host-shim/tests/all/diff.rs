//! `registry-auth diff`: the samples of its page, its exit status, and what is bad.

use std::fs;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::explain::{blocks_of, run};
use crate::shim::Folder;

const PAGE: &str = include_str!("../../../docs/diff.md");

/// Writes the files of the page.
fn files(folder: &Folder) -> anyhow::Result<()> {
    for (info, text) in blocks_of(PAGE) {
        if let Some((_, name)) = info.split_once(' ') {
            folder.write(name, text)?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_samples_of_the_page_are_what_the_command_prints() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let mut count = 0;
    let samples = blocks_of(PAGE)
        .into_iter()
        .filter(|(info, _)| *info == "console");
    for (_, sample) in samples {
        let (line, expected) = sample
            .split_once('\n')
            .context("a command and its output")?;
        let words = line.strip_prefix("$ registry-auth ").context("a command")?;
        let (status, found, errors) = run(&folder.path(""), words).await?;
        assert_eq!(found, expected, "{line}\n{errors}");
        assert_eq!(status, Some(0), "{line}\n{errors}");
        count += 1;
    }
    ensure!(count == 2, "{count} samples");
    Ok(())
}

#[tokio::test]
async fn the_exit_status_says_what_was_asked_for() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let old = fs::read_to_string(folder.path("old.yaml"))?;
    let variants = [
        (
            "more.yaml",
            "users: [gh/infra], actions: [create]",
            "users: [gh/infra], actions: [create, read, delete]",
        ),
        (
            "less.yaml",
            "users: [gh/infra], actions: [create]",
            "users: [gh/infra], actions: []",
        ),
        (
            "condition.yaml",
            "{ groups: [repo:shop/ci], actions: [delete] }",
            "{ groups: [repo:shop/ci], actions: [delete], conditions: [{ expression: \"req.tag == 'x'\" }] }",
        ),
        (
            "mapping.yaml",
            "\"'gh/' + claims.repository\"",
            "claims.sub",
        ),
        ("broken.yaml", "actions: [create]", "actions: [crate]"),
    ];
    for (name, from, to) in variants {
        ensure!(old.contains(from), "{from}");
        folder.write(name, &old.replacen(from, to, 1))?;
    }
    folder.write("empty.json", "")?;
    folder.write("bytes.json", "no\u{0}thing\n{\"action\": \n")?;
    fs::write(folder.path("binary.json"), [b'{', 0xff, 0xfe, b'\n', 0x80])?;
    let long = format!("{{\"x\":\"{}\"}}\n{{}}\n", "a".repeat(600_000));
    folder.write("long.json", &long)?;
    // (arguments, status, what is printed)
    for (name, issuer) in [
        ("idp.yaml", "https://idp.example.com"),
        ("evil.yaml", "https://idp.evil.example"),
    ] {
        let provider = format!("issuer: {issuer}, clientid: c, clientsecret: s, scopes: [openid]");
        let text = format!(
            "http: {{ auth: {{ openid: {{ providers: {{ oidc: {{ {provider} }} }} }} }}, externalUrl: \"https://r.example\", accessControl: {{ repositories: {{ \"**\": {{ defaultPolicy: [read] }} }} }} }}\n"
        );
        folder.write(name, &text)?;
    }
    folder.write(
        "person.json",
        r#"{ "id": "1", "decision": "allow", "user": "ann", "action": "read", "repository": "a" }"#,
    )?;
    let rows = [
        (
            "idp.yaml evil.yaml --fail-on any",
            1,
            "changed  http.auth.openid is another",
        ),
        (
            "idp.yaml evil.yaml --replay person.json",
            0,
            "1 undecidable (`http.auth.openid` differs)",
        ),
        ("old.yaml old.yaml", 0, "no differences\n"),
        ("old.yaml old.yaml --fail-on any", 0, "no differences\n"),
        (
            "old.yaml more.yaml",
            0,
            "added    user gh/infra  delete  acme/**",
        ),
        ("old.yaml more.yaml --fail-on added", 1, "added"),
        ("old.yaml more.yaml --fail-on removed", 0, "added"),
        ("old.yaml more.yaml --fail-on any", 1, "added"),
        (
            "old.yaml less.yaml --fail-on removed",
            1,
            "removed  user gh/infra  create  acme/**",
        ),
        ("old.yaml less.yaml --fail-on added", 0, "removed"),
        // A condition in addition removes, one that is gone adds.
        (
            "old.yaml condition.yaml --fail-on removed",
            1,
            "only if req.tag == 'x'  not compared, see replay",
        ),
        (
            "old.yaml condition.yaml --fail-on added",
            0,
            "changed  group repo:shop/ci",
        ),
        (
            "condition.yaml old.yaml --fail-on added",
            1,
            "before only if req.tag == 'x'",
        ),
        (
            "old.yaml mapping.yaml --fail-on added",
            1,
            "claimMapping.username is another",
        ),
        (
            "old.yaml mapping.yaml --fail-on removed",
            1,
            "claimMapping.username is another",
        ),
        (
            "old.yaml mapping.yaml --replay access.json",
            0,
            "5 undecidable (no claim `sub`)",
        ),
        (
            "old.yaml old.yaml --replay access.json",
            0,
            "5 requests: 5 same",
        ),
        (
            "old.yaml old.yaml --replay access.json --fail-on any",
            0,
            "1 line without a record",
        ),
        (
            "old.yaml old.yaml --replay empty.json",
            0,
            "replay   0 requests: 0 same",
        ),
        (
            "old.yaml old.yaml --replay bytes.json",
            0,
            "2 lines without a record",
        ),
        (
            "old.yaml old.yaml --replay binary.json",
            0,
            "2 lines without a record",
        ),
        (
            "old.yaml old.yaml --replay long.json",
            0,
            "2 lines without a record",
        ),
        ("old.yaml old.yaml --replay -", 0, "0 requests"),
        // What cannot be read.
        ("old.yaml none.yaml", 1, "none.yaml"),
        ("broken.yaml old.yaml", 1, "unknown action `crate`"),
        (
            "broken.yaml old.yaml",
            1,
            "`broken.yaml` has errors: it cannot be compared",
        ),
        (
            "old.yaml new.yaml --replay none.json",
            1,
            "cannot read `none.json`",
        ),
        ("old.yaml new.yaml --replay .", 1, "is a folder"),
        ("old.yaml", 2, "required"),
        ("old.yaml new.yaml --fail-on less", 2, "invalid value"),
        ("old.yaml new.yaml more.yaml", 2, "unexpected argument"),
    ];
    for (words, status, text) in rows {
        let (found, out, errors) = run(&folder.path(""), &format!("diff {words}")).await?;
        assert_eq!(found, Some(status), "{words}: {out}{errors}");
        let both = format!("{out}{errors}");
        assert!(both.contains(text), "{words}: {both}");
    }
    Ok(())
}

#[tokio::test]
async fn json_says_the_same() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let words = "diff old.yaml new.yaml --json --replay access.json";
    let (_, out, errors) = run(&folder.path(""), words).await?;
    let found: Value = serde_json::from_str(&out).context(errors)?;
    let differences = found["differences"].as_array().context("differences")?;
    assert_eq!(differences.len(), 4, "{out}");
    for (path, expected) in [
        ("/differences/0/kind", "\"added\""),
        ("/differences/0/who", "\"group repo:acme/web\""),
        ("/differences/0/witness/repository", "\"acme/web\""),
        ("/differences/1/because", "\"acme/app/** hides acme/**\""),
        ("/differences/3/witness", "null"),
        ("/settings", "[]"),
        ("/replay/newlyRefused", "2"),
        ("/replay/undecidable/no claim `environment`", "1"),
    ] {
        let value = found
            .pointer(path)
            .with_context(|| format!("{path}: {out}"))?;
        assert_eq!(value.to_string(), expected, "{path}");
    }
    Ok(())
}
