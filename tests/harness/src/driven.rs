//! A substrate in another program: a host of proxy-wasm that takes commands as lines of JSON, and
//! answers each with a line. `tests/hosts/README.md` describes them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::{Request, Response};
use crate::expand::octets;
use crate::expect::Outcome;
use crate::issuer::{Issuers, Reaction};
use crate::push;
use crate::registry::RegistryState;
use crate::scenario::Config;
use crate::substrate::{CLIENT, ENVIRONMENT, Substrate};
use crate::upstream::{UpstreamRequest, latin1, sha256};

/// Ticks that a waiting request gets.
const PATIENCE: usize = 100;
/// The number of the plugin that is started first.
const PLUGIN: usize = 0;
const INTAKE: &str = r#"{"intake": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}}}"#;

type Fields = Vec<(String, String)>;

/// Hosts in another program, which is started once for each configuration.
pub struct Driven {
    program: Box<dyn Fn() -> Command>,
    issuers: Issuers,
    served: Vec<(Program, RegistryState)>,
}

/// A running program.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    plugins: usize,
}

/// What the program reports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    error: Option<String>,
    progress: Option<Progress>,
    callouts: Vec<Callout>,
    log: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Progress {
    Waiting,
    Answered {
        status: u16,
        headers: Fields,
        body: String,
    },
    Forwarded {
        headers: Fields,
        body: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Callout {
    number: u32,
    upstream: String,
    headers: Fields,
}

impl Driven {
    /// `program` makes the command that starts a host.
    ///
    /// # Errors
    /// A test key is missing.
    pub fn new(program: impl Fn() -> Command + 'static) -> Result<Self> {
        Ok(Self {
            program: Box::new(program),
            issuers: Issuers::of_scenarios()?,
            served: Vec::new(),
        })
    }
}

impl Program {
    /// # Errors
    /// It does not start.
    fn start(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {command:?}: run `cargo xtask hosts`"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("there is no output")?;
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
            plugins: 0,
        })
    }

    /// Gives a command; an error of the host is one here, with the log.
    fn tell(&mut self, command: &Value) -> Result<Report> {
        let input = self.input.as_mut().context("there is no input")?;
        writeln!(input, "{command}")?;
        input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the host has ended");
        let report: Report = serde_json::from_str(&line).with_context(|| line.clone())?;
        if let Some(error) = &report.error {
            bail!("{error}\n{}", report.log.join("\n"));
        }
        Ok(report)
    }

    /// Starts a plugin and returns its number.
    fn plugin(&mut self, configuration: &str, holds_bodies: bool) -> Result<usize> {
        let text = latin1(configuration.as_bytes());
        self.tell(&json!({"start": {"configuration": text, "environment": ENVIRONMENT, "holdsBodies": holds_bodies}}))?;
        self.plugins += 1;
        Ok(self.plugins - 1)
    }

    /// Sends a request, answers callouts and ticks until it is decided, or time is up.
    fn settle(
        &mut self,
        plugin: usize,
        request: &Request,
        issuers: &Issuers,
        registry: &RegistryState,
    ) -> Result<Outcome> {
        let (headers, body) = (head(request), latin1(&request.body.bytes()));
        let mut report =
            self.tell(&json!({"request": {"plugin": plugin, "headers": headers, "body": body}}))?;
        for _ in 0..PATIENCE {
            if report.callouts.is_empty() {
                match report.progress.take() {
                    Some(Progress::Waiting) => {
                        report = self.tell(&json!({"tick": {"plugin": plugin}}))?;
                        continue;
                    }
                    Some(Progress::Answered {
                        status,
                        headers,
                        body,
                    }) => return answered(request, status, headers, &body),
                    Some(Progress::Forwarded { headers, body }) => {
                        let seen = seen(headers, &body)?;
                        let status = registry.answer(&seen.method, &seen.path, None).status;
                        return Ok(Outcome::Forwarded { seen, status });
                    }
                    None => bail!("the host does not say what became of the request"),
                }
            }
            for callout in std::mem::take(&mut report.callouts) {
                let (headers, body) = respond(issuers, registry, &callout)?;
                let answer = json!({"plugin": plugin, "callout": callout.number, "headers": headers, "body": body});
                let next = self.tell(&json!({"answer": answer}))?;
                report.callouts.extend(next.callouts);
                report.progress = next.progress;
            }
        }
        bail!(
            "it still waits after {PATIENCE} ticks\n{}",
            report.log.join("\n")
        )
    }
}

impl Drop for Program {
    /// The program ends with its input.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

impl Substrate for Driven {
    fn serve(&mut self, config: &Config) -> Result<usize> {
        let mut program = Program::start((self.program)())?;
        let number = program.plugin(&config.plugin.to_string(), config.holds_bodies)?;
        let sets = push::sets(
            &config.plugin,
            config.pushed.as_deref(),
            config.minting.as_deref(),
            config.login.as_ref(),
        )?;
        for (set, keys) in sets {
            let intake = program.plugin(INTAKE, config.holds_bodies)?;
            let request = push::request(&set, &keys, self.now());
            let nothing = RegistryState::default();
            match program.settle(intake, &request, &self.issuers, &nothing)? {
                Outcome::Answered(Response { status: 200, .. }) => {}
                other => bail!("the intake did not take the keys: {other:?}"),
            }
            program.tell(&json!({"tick": {"plugin": number}}))?;
        }
        self.served.push((program, config.registry.clone()));
        Ok(self.served.len() - 1)
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn send(&mut self, config: usize, request: &Request) -> Result<Outcome> {
        let (program, registry) = self
            .served
            .get_mut(config)
            .context("there is no such configuration")?;
        let outcome = program.settle(PLUGIN, request, &self.issuers, registry)?;
        program.tell(&json!({"close": {"plugin": PLUGIN}}))?;
        Ok(outcome)
    }
}

/// Header fields of a request as a host hands them over.
fn head(request: &Request) -> Fields {
    let host = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let authority = host.map_or_else(|| "registry.test".to_owned(), |(_, value)| latin1(value));
    let mut fields: Fields = vec![
        (":method".to_owned(), request.method.clone()),
        (":path".to_owned(), latin1(&request.target)),
        (":scheme".to_owned(), "http".to_owned()),
        (":authority".to_owned(), authority),
    ];
    let rest = request
        .headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    fields.extend(rest.map(|(name, value)| (name.to_ascii_lowercase(), latin1(value))));
    fields.push(("x-forwarded-for".to_owned(), CLIENT.to_owned()));
    fields
}

/// A local reply as a proxy sends it: an empty body has no type, and HEAD has no body.
fn answered(request: &Request, status: u16, headers: Fields, body: &str) -> Result<Outcome> {
    let mut response = Response {
        status,
        headers: bytes(headers)?,
        body: octets(body)?,
    };
    if response.body.is_empty() {
        response.headers.retain(|(name, _)| name != "content-type");
    }
    if request.method == "HEAD" {
        response.body.clear();
    }
    Ok(Outcome::Answered(response))
}

fn seen(headers: Fields, body: &str) -> Result<UpstreamRequest> {
    let pseudo = |wanted: &str| {
        let field = headers.iter().find(|(name, _)| name == wanted);
        field.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (method, path, body) = (pseudo(":method"), pseudo(":path"), octets(body)?);
    let mut headers = bytes(headers)?;
    headers.retain(|(name, _)| !name.starts_with(':'));
    Ok(UpstreamRequest {
        method,
        path,
        headers,
        body: body.len(),
        sha256: sha256(&body),
    })
}

fn bytes(fields: Fields) -> Result<Vec<(String, Vec<u8>)>> {
    fields
        .into_iter()
        .map(|(name, value)| Ok((name, octets(&value)?)))
        .collect()
}

/// What a proxy brings back for a callout: an answer, 503 when the connection breaks, 504 after the
/// timeout.
fn respond(
    issuers: &Issuers,
    registry: &RegistryState,
    callout: &Callout,
) -> Result<(Fields, String)> {
    let header = |wanted: &str| {
        let field = callout.headers.iter().find(|(name, _)| name == wanted);
        field.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (authority, path) = (header(":authority"), header(":path"));
    let (status, more, body) = match &*callout.upstream {
        "upstream" => {
            let answer = registry.answer(&header(":method"), &path, Some(&authority));
            let more: Fields = answer
                .headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            (
                answer.status,
                more,
                answer.body.unwrap_or_default().into_bytes(),
            )
        }
        "issuers" => match issuers.react(&authority, &path) {
            Reaction::Answer {
                status,
                cache_control,
                body,
                ..
            } => {
                let more = cache_control.map(|value| ("cache-control".to_owned(), value));
                (status, more.into_iter().collect(), body)
            }
            Reaction::Hang => (504, Fields::new(), Vec::new()),
            Reaction::Reset => (503, Fields::new(), Vec::new()),
        },
        other => bail!("no scenario has a cluster `{other}`"),
    };
    let mut headers = vec![
        (":status".to_owned(), status.to_string()),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    headers.extend(more);
    Ok((headers, latin1(&body)))
}
