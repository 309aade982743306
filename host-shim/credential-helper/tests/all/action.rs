//! The action `docker-login`: its script, with a token service and with clients that write down how
//! they are called.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::{self, RUNNER};

const SCRIPT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../actions/docker-login/login.sh"
);
const ACTION: &str = include_str!("../../../../actions/docker-login/action.yml");
const PROGRAM: &str = env!("CARGO_BIN_EXE_docker-credential-registry-auth");
/// A docker that keeps its arguments and its stdin.
const DOCKER: &str = "#!/bin/sh\necho \"$@\" >\"$HOME/arguments\"\ncat >\"$HOME/stdin\"\n";

/// A job with its folders.
struct Job {
    folder: TempDir,
    url: String,
}

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let docker = folder.path().join("bin/docker");
        fs::write(&docker, DOCKER).unwrap();
        fs::set_permissions(&docker, fs::Permissions::from_mode(0o755)).unwrap();
        let url = format!("http://{}/?api-version=2.0", service::start());
        Self { folder, url }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Runs the script with these inputs and variables.
    fn run(&self, variables: &[(&str, &str)]) -> Output {
        let path = std::env::var("PATH").unwrap();
        Command::new("sh")
            .arg(SCRIPT)
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("HOME", self.folder.path())
            .env("RUNNER_TEMP", self.path("temp"))
            .env("GITHUB_PATH", self.path("github-path"))
            .env("GITHUB_ENV", self.path("github-env"))
            .env("ACTIONS_ID_TOKEN_REQUEST_URL", &self.url)
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", RUNNER)
            .env("INPUT_PROGRAM", PROGRAM)
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_registry_gets_the_helper() {
    let job = Job::new();
    let output = job.run(&[("INPUT_REGISTRY", "registry.example.com")]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        said(&output),
        "registry.example.com: each client fetches a token for registry.example.com\n"
    );
    assert_eq!(
        job.json(".docker/config.json"),
        json!({"credHelpers": {"registry.example.com": "registry-auth"}})
    );
    let settings = json!({"registries": {"registry.example.com": {
        "audience": "registry.example.com", "source": "github", "username": "github",
    }}});
    assert_eq!(job.json("temp/registry-auth/credentials.json"), settings);
    let file = job.path("temp/registry-auth/credentials.json");
    assert_eq!(
        job.read("github-env"),
        format!("REGISTRY_AUTH_CREDENTIALS={}\n", file.display())
    );
    let bin = job.read("github-path");
    let program = Path::new(bin.trim()).join("docker-credential-registry-auth");
    assert_eq!(fs::read(program).unwrap(), fs::read(PROGRAM).unwrap());

    // Another registry in the same job, with a configuration that is there.
    let more = [
        ("INPUT_REGISTRY", "other.example.com:5000"),
        ("INPUT_AUDIENCE", "https://other.example.com"),
        ("INPUT_USERNAME", "ci"),
    ];
    let output = job.run(&more);
    assert!(output.status.success(), "{}", said(&output));
    let both = json!({"credHelpers": {"registry.example.com": "registry-auth", "other.example.com:5000": "registry-auth"}});
    assert_eq!(job.json(".docker/config.json"), both);
    let settings = job.json("temp/registry-auth/credentials.json");
    assert_eq!(
        settings["registries"].as_object().unwrap().len(),
        2,
        "{settings}"
    );
    assert_eq!(
        settings["registries"]["other.example.com:5000"]["audience"],
        "https://other.example.com"
    );
}

#[test]
fn a_configuration_of_others_keeps_what_it_has() {
    let job = Job::new();
    fs::create_dir(job.path(".docker")).unwrap();
    let theirs = json!({"auths": {"a.example.com": {"auth": "YTpi"}}, "credHelpers": {"b.example.com": "ecr-login"}});
    fs::write(job.path(".docker/config.json"), theirs.to_string()).unwrap();
    let output = job.run(&[("INPUT_REGISTRY", "registry.example.com")]);
    assert!(output.status.success(), "{}", said(&output));
    let config = job.json(".docker/config.json");
    assert_eq!(config["auths"], theirs["auths"]);
    assert_eq!(
        config["credHelpers"],
        json!({"b.example.com": "ecr-login", "registry.example.com": "registry-auth"})
    );
}

#[test]
fn a_login_has_the_token_on_stdin_and_masks_it() {
    let job = Job::new();
    let output = job.run(&[
        ("INPUT_REGISTRY", "registry.example.com"),
        ("INPUT_METHOD", "login"),
        ("INPUT_PROGRAM", ""),
    ]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(
        job.read("arguments"),
        "login --username github --password-stdin registry.example.com\n"
    );
    let token = job.read("stdin");
    assert!(token.starts_with("eyJ"), "{token}");
    assert_eq!(said(&output), format!("::add-mask::{token}\n"));
    assert!(!job.path(".docker").exists());
}

/// The rows: inputs and variables, and the error of the step.
#[test]
fn what_is_wrong_is_one_line_without_a_secret() {
    let registry = ("INPUT_REGISTRY", "registry.example.com");
    let permission = "this job may not ask for a token: give it permissions: { id-token: write, contents: read }";
    let rows: [(&[(&str, &str)], &str); 14] = [
        (&[], "registry: write the host of the registry"),
        (
            &[("INPUT_REGISTRY", "https://a.example.com")],
            "registry: write only the host",
        ),
        (
            &[("INPUT_REGISTRY", "a\"b")],
            "registry: only letters, digits and",
        ),
        (
            &[("INPUT_REGISTRY", "a\n::stop-commands::b")],
            "registry: only letters, digits and",
        ),
        (
            &[registry, ("INPUT_AUDIENCE", "a b")],
            "audience: only letters, digits and",
        ),
        (
            &[registry, ("INPUT_USERNAME", "$(id)")],
            "username: only letters, digits and",
        ),
        (
            &[registry, ("INPUT_METHOD", "logins")],
            "method: write helper or login",
        ),
        (
            &[registry, ("ACTIONS_ID_TOKEN_REQUEST_URL", "")],
            permission,
        ),
        (
            &[registry, ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")],
            permission,
        ),
        (
            &[registry, ("INPUT_PROGRAM", "/nowhere")],
            "program: /nowhere is not a program",
        ),
        (
            &[registry, ("INPUT_PROGRAM", "")],
            "there is no docker-credential-registry-auth for this system: build it,",
        ),
        (
            &[registry, ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")],
            "registry.example.com: github: the token service of GitHub Actions answers 401: the job has ended",
        ),
        (
            &[
                registry,
                ("INPUT_METHOD", "login"),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another"),
            ],
            "the token service of GitHub Actions gave no token for registry.example.com",
        ),
        (
            &[
                registry,
                ("INPUT_METHOD", "login"),
                ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:1/"),
            ],
            "the token service of GitHub Actions gave no token for registry.example.com",
        ),
    ];
    for (variables, expected) in rows {
        let output = Job::new().run(variables);
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        assert_eq!(
            output.status.code(),
            Some(1),
            "{variables:?}: {}",
            said(&output)
        );
        assert!(
            stdout.starts_with(&format!("::error::{expected}")),
            "{stdout}"
        );
        assert_eq!(stdout.lines().count(), 1, "{stdout}");
        assert!(!said(&output).contains(RUNNER) && !said(&output).contains("eyJ"));
    }
}

/// Each input reaches the script, and no expression is in its text, where it would be read as code.
#[test]
fn the_action_gives_its_inputs_as_variables() {
    let script = fs::read_to_string(SCRIPT).unwrap();
    let inputs = [
        "registry", "audience", "username", "method", "program", "version", "sha256",
    ];
    for input in inputs {
        let variable = format!("INPUT_{}", input.to_uppercase());
        let line = format!("        {variable}: ${{{{ inputs.{input} }}}}\n");
        assert!(ACTION.contains(&line), "{line}");
        assert!(ACTION.contains(&format!("\n  {input}:\n")), "{input}");
        assert!(script.contains(&variable), "{variable}");
    }
    assert_eq!(ACTION.matches("${{").count(), inputs.len());
    assert!(!script.contains("${{"));
    let version = format!("default: \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(ACTION.contains(&version), "{version}");
}
