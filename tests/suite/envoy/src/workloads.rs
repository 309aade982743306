//! The action `docker-login` with a token service, and then crane through Envoy: what it sets up is
//! enough to push, and not for a job that comes from elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use http_body_util::Full;
use hyper::Response;
use registry_auth_harness::callers::{AUDIENCE, service_account};
use registry_auth_harness::front::{Front, Realm};
use registry_auth_harness::module;
use registry_auth_harness::program::tool;
use registry_auth_harness::server::{Port, Server};
use serde_json::json;

use crate::Outcome;
use crate::clients::image::{self, Layout};

/// What authorizes a request to the token service.
const RUNNER: &str = "runner";
/// `docker login` by crane, which asks nobody and keeps it where docker does.
const DOCKER: &str = "#!/bin/sh\nshift\nexec crane auth login \"$@\"\n";

#[test]
fn a_job_pushes_with_the_action_alone() -> Outcome {
    for realm in Realm::TRIED {
        push(*realm)?;
    }
    Ok(())
}

fn push(realm: Realm) -> Result<()> {
    let front = Front::start(realm)?;
    let layout = image::write_layout(front.folder().join("layout"))?;
    for (method, namespace, name, may) in [
        ("helper", "registry", "admin", true),
        ("login", "registry", "admin", true),
        ("helper", "other", "ci", false),
        ("login", "other", "ci", false),
    ] {
        let place = format!("{method}-{namespace}");
        let job = Job::start(&front, &place, &service_account(namespace, name, "+5m")?)?;
        let output = job.log_in(method)?;
        ensure!(output.status.success(), "{place}: {}", said(&output));
        let repository = format!("team/{place}");
        let (output, accesses) = front.watch(|| job.push(&layout, &repository))?;
        ensure!(output.status.success() == may, "{place}: {}", said(&output));
        let refused = accesses.iter().any(|access| access.status == 403);
        ensure!(refused != may, "{place}: {accesses:?}");
    }
    Ok(())
}

/// A job of GitHub Actions.
struct Job<'a> {
    front: &'a Front,
    folder: std::path::PathBuf,
    service: Server,
}

impl<'a> Job<'a> {
    /// Starts the token service, which gives this token.
    fn start(front: &'a Front, name: &str, token: &str) -> Result<Self> {
        let folder = front.folder().join(name);
        fs::create_dir_all(folder.join("bin"))?;
        let docker = folder.join("bin/docker");
        fs::write(&docker, DOCKER)?;
        fs::set_permissions(&docker, fs::Permissions::from_mode(0o755))?;
        let answer = json!({"count": 1, "value": token}).to_string();
        let wanted = format!("audience={AUDIENCE}");
        let service = Port::bind()?.serve(move |request| {
            let query = request.uri().query().unwrap_or_default();
            let asked = query.split('&').any(|part| part == wanted);
            let authorized = request.headers().get("authorization");
            let authorized = authorized
                .is_some_and(|value| value.as_bytes() == format!("Bearer {RUNNER}").as_bytes());
            let (status, body) = if asked && authorized {
                (200, answer.clone())
            } else {
                (401, String::new())
            };
            async move {
                Response::builder()
                    .status(status)
                    .body(Full::from(body))
                    .ok()
            }
        })?;
        Ok(Self {
            front,
            folder,
            service,
        })
    }

    /// Runs the step of the action.
    fn log_in(&self, method: &str) -> Result<Output> {
        let script = module::workspace().join("actions/docker-login/login.sh");
        let mut command = self.command(Path::new("sh"));
        command
            .arg(script)
            .env("RUNNER_TEMP", self.folder.join("temp"))
            .env("GITHUB_PATH", self.folder.join("github-path"))
            .env("GITHUB_ENV", self.folder.join("github-env"))
            .env("INPUT_REGISTRY", self.front.address().to_string())
            .env("INPUT_AUDIENCE", AUDIENCE)
            .env("INPUT_USERNAME", "github")
            .env("INPUT_METHOD", method)
            .env("INPUT_PROGRAM", module::helper()?);
        command.output().context("no sh")
    }

    /// Pushes in a later step.
    fn push(&self, layout: &Layout, repository: &str) -> Result<Output> {
        let target = format!("{}/{repository}:1", self.front.address());
        let mut command = self.command(&tool("bin/crane"));
        command.arg("push").arg(&layout.folder).arg(target);
        let variables = fs::read_to_string(self.folder.join("github-env")).unwrap_or_default();
        command.envs(variables.lines().filter_map(|line| line.split_once('=')));
        command
            .output()
            .context("no crane: run `cargo xtask tools`")
    }

    /// A command in the environment of the job, with what its steps have added to PATH.
    fn command(&self, program: &Path) -> Command {
        let added = fs::read_to_string(self.folder.join("github-path")).unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        let [own, tools] = [self.folder.join("bin"), tool("bin")];
        let path = format!(
            "{}:{}:{}:{path}",
            added.trim(),
            own.display(),
            tools.display()
        );
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", &self.folder)
            .env(
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("http://{}/?api-version=2.0", self.service.address()),
            )
            .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", RUNNER);
        command
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}
