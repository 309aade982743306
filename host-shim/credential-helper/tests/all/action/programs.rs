//! What the script fetches: the program of a release, and a token.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::json;

use super::{Job, PROGRAM, said};
use crate::service;

/// A curl that gives the program, and keeps what it was asked for.
const CURL: &str = "#!/bin/sh\nfor word; do last=$word; done\necho \"$last\" >\"$HOME/url\"\n\
    while [ \"$1\" != --output ]; do shift; done\ncp \"$RELEASED\" \"$2\"\n";

/// The rows: version, SHA-256, and what is said.
#[test]
fn a_program_that_is_fetched_is_checked_or_there_is_a_warning() {
    let sum = Command::new("sha256sum").arg(PROGRAM).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let sum = sum.split(' ').next().unwrap();
    let good = "registry.example.com: each client fetches a token for registry.example.com\n";
    let warned = format!(
        "::warning::the program that was fetched is not checked: write its SHA-256, from the release, into the input sha256\n{good}"
    );
    let wrong = "0".repeat(64);
    let rows = [
        ("0.1.0", "", warned.as_str()),
        ("v0.1.0", sum, good),
        (
            "0.1.0",
            &wrong,
            "::error::sha256: the program that was fetched is another one\n",
        ),
    ];
    for (version, sha256, expected) in rows {
        let job = Job::new();
        let curl = job.path("bin/curl");
        fs::write(&curl, CURL).unwrap();
        fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).unwrap();
        let output = job.run(&[
            ("INPUT_REGISTRY", "registry.example.com"),
            ("INPUT_PROGRAM", ""),
            ("INPUT_VERSION", version),
            ("INPUT_SHA256", sha256),
            ("RUNNER_OS", "Linux"),
            ("RUNNER_ARCH", "X64"),
            ("RELEASED", PROGRAM),
        ]);
        assert_eq!(said(&output), expected);
        assert_eq!(
            job.read("url"),
            "https://github.com/registry-auth/registry-auth/releases/download/v0.1.0/docker-credential-registry-auth-linux-amd64\n"
        );
    }
}

/// A step names the program of the step before, by another path too: it is there already.
#[test]
fn the_program_of_a_step_before_is_used_again() {
    let job = Job::new();
    let copy = job.path("temp/registry-auth/bin/docker-credential-registry-auth");
    let copy = copy.display().to_string();
    let link = job.path("link").display().to_string();
    std::os::unix::fs::symlink(&copy, &link).unwrap();
    for program in [PROGRAM, &copy, &link] {
        let output = job.run(&[
            ("INPUT_REGISTRY", "registry.example.com"),
            ("INPUT_PROGRAM", program),
        ]);
        assert!(output.status.success(), "{program}: {}", said(&output));
        assert_eq!(fs::read(&copy).unwrap(), fs::read(PROGRAM).unwrap());
    }
    // What cannot be copied is said.
    fs::remove_file(&copy).unwrap();
    fs::create_dir_all(format!("{copy}/docker-credential-registry-auth")).unwrap();
    let output = job.run(&[("INPUT_REGISTRY", "registry.example.com")]);
    let expected = format!("::error::program: {PROGRAM} cannot be copied to ");
    assert!(said(&output).contains(&expected), "{}", said(&output));
}

/// A service that gives tokens for other audiences: none reaches the registry.
#[test]
fn a_login_with_a_token_for_another_audience_is_refused() {
    let twice =
        |first: &str, last: &str| format!(r#"{{"aud":"{first}","sub":"s","aud":"{last}"}}"#);
    for (claims, is_sent) in [
        (json!({"aud": "registry.example.com"}), true),
        (
            json!({"aud": "registry.example.com", "a": "\u{ff}~~~??>>"}),
            true,
        ),
        (json!({"aud": ["registry.example.com"]}), true),
        (json!({"aud": "https://other.example.com"}), false),
        (
            json!({"aud": "b", "sub": "\",\"aud\":\"registry.example.com"}),
            false,
        ),
        (json!({"aud": ["registry.example.com", "b"]}), false),
        (json!({}), false),
    ]
    .map(|(claims, is_sent)| (claims.to_string(), is_sent))
    .into_iter()
    .chain([
        (twice("b", "registry.example.com"), false),
        (twice("registry.example.com", "b"), false),
    ]) {
        let job = Job::new();
        let curl = job.path("bin/curl");
        fs::write(
            &curl,
            "#!/bin/sh\ncat >/dev/null\nprintf '{\"value\":\"%s\"}' \"$TOKEN\"\n",
        )
        .unwrap();
        fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).unwrap();
        let token = service::of_text(&claims);
        let output = job.run(&[
            ("INPUT_REGISTRY", "registry.example.com"),
            ("INPUT_METHOD", "login"),
            ("TOKEN", &token),
        ]);
        let sent = job.read("stdin");
        if is_sent {
            assert_eq!(sent, token, "{}", said(&output));
        } else {
            assert!(said(&output).contains(
                "a token for another audience than registry.example.com: it is not sent"
            ));
            assert_eq!(sent, "", "{claims}");
        }
    }
}
