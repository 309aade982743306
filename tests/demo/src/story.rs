//! The steps of the demonstration, each with its expected outcome.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::callers;
use registry_auth_harness::client::Request;
use serde_json::Value;

use crate::browser::Browser;
use crate::github;
use crate::services::Services;

/// Time limit for a rotated key: the shim queries once a second if a key is missing, and refreshes
/// at most every few seconds.
const ROTATION: Duration = Duration::from_secs(30);
const STEPS: usize = 11;
/// Where the button of the login page leads.
const LOGIN: &str = "/zot/auth/login?provider=github&callback_ui=/login/keys";

/// Runs all steps once.
///
/// # Errors
/// A step has another outcome than expected.
pub(crate) fn tell(services: &Services) -> Result<()> {
    let mut teller = Teller { services, step: 0 };
    teller.kubernetes()?;
    teller.anonymous()?;
    teller.secrets_manager()?;
    teller.expired()?;
    teller.people()?;
    eprintln!("\nall {STEPS} steps came out as said");
    Ok(())
}

struct Teller<'a> {
    services: &'a Services,
    step: usize,
}

/// The arguments for crane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    /// 401
    Unauthorized,
    /// 403
    Denied,
    /// Anything else.
    Broken,
}

impl Teller<'_> {
    fn kubernetes(&mut self) -> Result<()> {
        self.log_in("ci", &callers::service_account("team", "ci", "+1h")?)?;
        self.step(
            "service account team/ci pushes team/app",
            "ci",
            Push("team/app:1"),
            Outcome::Accepted,
        )?;
        self.log_in(
            "tester",
            &callers::service_account("team", "tester", "+1h")?,
        )?;
        self.step(
            "service account team/tester pushes the same",
            "tester",
            Push("team/app:1"),
            Outcome::Denied,
        )
    }

    fn anonymous(&mut self) -> Result<()> {
        self.log_in(
            "admin",
            &callers::service_account("registry", "admin", "+1h")?,
        )?;
        self.step(
            "service account registry/admin pushes public/hello",
            "admin",
            Push("public/hello:1"),
            Outcome::Accepted,
        )?;
        self.services.log_in("anonymous", None)?;
        self.step(
            "anybody pulls public/hello",
            "anonymous",
            Pull("public/hello:1"),
            Outcome::Accepted,
        )?;
        self.step(
            "nobody without a token pulls team/app",
            "anonymous",
            Pull("team/app:1"),
            Outcome::Unauthorized,
        )
    }

    /// Pushed keys need a moment to arrive.
    fn secrets_manager(&mut self) -> Result<()> {
        self.log_in("builder", &callers::builder("es256", "release/app")?)?;
        let what = "the build farm pushes, its key is in Secrets Manager";
        self.step_within(
            ROTATION,
            what,
            "builder",
            Push("release/app:1"),
            Outcome::Accepted,
        )?;
        self.services.rotate(&["next-es256"])?;
        self.log_in("rotated", &callers::builder("next-es256", "release/app")?)?;
        let what = "key rotated, nothing restarted: the new key pushes";
        self.step_within(
            ROTATION,
            what,
            "rotated",
            Push("release/app:2"),
            Outcome::Accepted,
        )?;
        self.step_within(
            ROTATION,
            "the old key has gone",
            "builder",
            Push("release/app:3"),
            Outcome::Unauthorized,
        )
    }

    fn expired(&mut self) -> Result<()> {
        self.log_in("late", &callers::service_account("team", "ci", "-5m")?)?;
        self.step(
            "service account team/ci with an expired token",
            "late",
            Push("team/app:1"),
            Outcome::Unauthorized,
        )
    }

    fn people(&mut self) -> Result<()> {
        self.services.log_in_as("ann", "ann", "pw")?;
        self.step(
            "ann pushes with the password of a htpasswd file",
            "ann",
            Push("people/ann:1"),
            Outcome::Accepted,
        )?;
        let key = self.key_by_github()?;
        self.services.log_in_as("octo", github::PERSON, &key)?;
        self.step(
            "octo of the group acme logs in by GitHub, makes a key",
            "octo",
            Push("people/octo:1"),
            Outcome::Accepted,
        )
    }

    /// Logs in as a browser does, and makes an API key as the interface of a registry does.
    fn key_by_github(&self) -> Result<String> {
        let registry = self.services.address();
        let mut browser = Browser::default();
        let (page, answer) = browser.open(registry, LOGIN)?;
        ensure!(
            (page.as_str(), answer.status) == ("/login/keys", 200),
            "the login ends at {page} with {}",
            answer.status
        );
        let request = Request::new("POST", "/zot/auth/apikey")
            .header("x-zot-api-client", "zot-ui")
            .body(br#"{"label":"demo"}"#.to_vec());
        let made = browser.send(registry, request)?;
        ensure!(made.status == 201, "no key: {}", made.status);
        let made: Value = serde_json::from_slice(&made.body)?;
        let key = made.get("apiKey").and_then(Value::as_str);
        Ok(key.context("no key in the answer")?.to_owned())
    }

    fn log_in(&self, caller: &str, token: &str) -> Result<()> {
        self.services.log_in(caller, Some(token))
    }

    /// Runs crane once.
    fn step(&mut self, what: &str, caller: &str, call: Call, expected: Outcome) -> Result<()> {
        self.step_within(Duration::ZERO, what, caller, call, expected)
    }

    /// Runs crane until the outcome is as expected. A 403 ends the attempts: no key is delayed
    /// then.
    fn step_within(
        &mut self,
        patience: Duration,
        what: &str,
        caller: &str,
        call: Call,
        expected: Outcome,
    ) -> Result<()> {
        self.step += 1;
        eprint!("[{}/{STEPS}] {what:<55} ", self.step);
        // Another layer each time (blocks of zeros are an empty tar archive), or crane would have
        // nothing to push.
        fs::write(self.services.path("layer.tar"), vec![0; 1024 * self.step])?;
        let deadline = Instant::now() + patience;
        loop {
            let (outcome, text) = self.call(caller, call)?;
            if outcome == expected {
                eprintln!("{}", outcome.words());
                return Ok(());
            }
            let again = outcome != Outcome::Denied && Instant::now() < deadline;
            ensure!(again, "expected `{}`, crane said: {text}", expected.words());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn call(&self, caller: &str, call: Call) -> Result<(Outcome, String)> {
        let layer = self.services.path("layer.tar");
        let layer = layer
            .to_str()
            .context("the temporary folder has a readable name")?;
        let (Push(image) | Pull(image)) = call;
        let image = format!("{}/{image}", self.services.address());
        let output = match call {
            Push(_) => self.services.crane(
                caller,
                &["append", "--new_layer", layer, "--new_tag", &image],
            )?,
            Pull(_) => self
                .services
                .crane(caller, &["pull", &image, "/dev/null"])?,
        };
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((Outcome::of(output.status.success(), &text), text))
    }
}

use Call::{Pull, Push};

#[derive(Clone, Copy)]
enum Call {
    Push(&'static str),
    Pull(&'static str),
}

impl Outcome {
    /// Reads the outcome from crane's message: the code of the registry's error, or the status
    /// where the response has no body (`HEAD`).
    fn of(success: bool, text: &str) -> Self {
        let says = |words: [&str; 2]| words.iter().any(|word| text.contains(word));
        match (
            success,
            says(["UNAUTHORIZED", "401 Unauthorized"]),
            says(["DENIED", "403 Forbidden"]),
        ) {
            (true, ..) => Self::Accepted,
            (false, true, false) => Self::Unauthorized,
            (false, false, true) => Self::Denied,
            _ => Self::Broken,
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unauthorized => "refused, 401 UNAUTHORIZED",
            Self::Denied => "refused, 403 DENIED",
            Self::Broken => "something else",
        }
    }
}
