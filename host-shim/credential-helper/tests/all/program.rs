//! How the program is called, and how it ends.
#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::service::{self, RUNNER, token};

const USAGE: &str = "Usage: docker-credential-registry-auth <store|get|erase|list|version>\n";

fn run(arguments: &[&str], variables: &[(&str, &str)], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_docker-credential-registry-auth"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    // A program that does not read it may have ended.
    drop(
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(stdin.as_bytes()),
    );
    child.wait_with_output().expect("its output")
}

/// The rows: arguments, stdin, the exit status, and what is on stdout.
#[test]
fn the_program_ends_as_clients_expect() {
    let folder = crate::folder::private();
    let file = folder.path().join("credentials.json");
    std::fs::write(
        &file,
        r#"{"registries": {"a.example.com": {"source": "env"}}}"#,
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    let token = token("a.example.com", 300);
    let variables = [
        ("REGISTRY_AUTH_CREDENTIALS", file.to_str().unwrap()),
        ("REGISTRY_AUTH_TOKEN", &token),
    ];
    let version = format!(
        "docker-credential-registry-auth (registry-auth) {}\n",
        env!("CARGO_PKG_VERSION")
    );
    let found = format!(
        "{{\"ServerURL\":\"https://a.example.com\",\"Username\":\"token\",\"Secret\":\"{token}\"}}\n"
    );
    let rows: [(&[&str], &str, i32, &str); 11] = [
        (&[], "", 1, USAGE),
        (&["get", "list"], "", 1, USAGE),
        (&["--help"], "", 0, USAGE),
        (&["-h"], "", 0, USAGE),
        (&["--version"], "", 0, &version),
        (&["-v"], "", 0, &version),
        (&["version"], "", 0, &version),
        (&["get"], "https://a.example.com\n", 0, &found),
        (
            &["get"],
            "b.example.com",
            1,
            "credentials not found in native keychain\n",
        ),
        (&["get"], "", 1, "no credentials server URL\n"),
        (&["list"], "", 0, "{\"a.example.com\":\"token\"}\n"),
    ];
    for (arguments, stdin, status, stdout) in rows {
        let output = run(arguments, &variables, stdin);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            stdout,
            "{arguments:?}"
        );
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

/// The source is found by the variables that the runner of a job sets.
#[test]
fn a_job_of_github_has_a_token_without_a_word_in_the_settings() {
    let folder = crate::folder::private();
    let file = folder.path().join("credentials.json");
    std::fs::write(&file, r#"{"registries": {"a.example.com": {}}}"#).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mode).unwrap();
    let url = format!("http://{}/?api-version=2.0", service::start());
    for (runner, expected) in [
        (
            RUNNER,
            "{\"ServerURL\":\"a.example.com\",\"Username\":\"token\",\"Secret\":\"eyJ",
        ),
        (
            "another",
            "a.example.com: github: the token service of GitHub Actions answers 401: the job has ended",
        ),
    ] {
        let variables = [
            ("REGISTRY_AUTH_CREDENTIALS", file.to_str().unwrap()),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", &url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", runner),
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
        ];
        let output = run(&["get"], &variables, "a.example.com");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(stdout.starts_with(expected), "{stdout}");
        assert!(!stdout.contains(RUNNER), "{stdout}");
    }
}
