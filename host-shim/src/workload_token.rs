//! `registry-auth token`: the token of this workload, or what it is worth.

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use registry_auth_credential_helper::environment::Environment;
use registry_auth_credential_helper::fetch;
use registry_auth_credential_helper::settings::{Registry, USERNAME};
use registry_auth_credential_helper::source::Source;
use registry_auth_credential_helper::token::Token;
use registry_auth_engine::engine::Principal;
use registry_auth_policy::case::Case;
use registry_auth_policy::show;
use registry_auth_policy::words::Wish;
use serde_json::Value;

use crate::clock::wall_clock;
use crate::configuration::Configuration;
use crate::{check, policy};

/// What a client does first.
const PING: &str = "GET /v2/";
/// The exit status of a request that is refused.
const REFUSED: u8 = 3;

/// Prints the token of this workload
///
/// With --explain its claims instead, and with --config whether that policy takes it: WORDS are those
/// of `registry-auth explain`, and `GET /v2/` when absent. The exit status is then 3 if it is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The audience of the token: what the registry expects
    #[arg(long, value_name = "AUDIENCE")]
    audience: String,
    /// Where it comes from: `github`, `gitlab`, `gitlab:VARIABLE`, `file:PATH`, `env`,
    /// `env:VARIABLE`, `kubernetes`, `kubernetes:PATH`, `gcp`, `aws`, `aws:REGION`, `azure`,
    /// `azure:CLIENT_ID`, `spiffe`, `spiffe:ID` or `exec:PROGRAM`; the first that is there when absent
    #[arg(long, value_name = "SOURCE")]
    source: Option<Source>,
    /// Print the claims, not the token
    #[arg(long)]
    explain: bool,
    /// The policy that is asked, JSON or YAML
    #[arg(long, value_name = "FILE", requires = "explain")]
    config: Option<PathBuf>,
    /// What is done with the token, such as `push team/app:v1`
    #[arg(value_name = "WORDS", requires = "config")]
    words: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// There is no token, it is not good, or the policy cannot be read.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let registry = Registry {
        audience: arguments.audience.clone(),
        source: arguments.source.clone(),
        username: USERNAME.to_owned(),
    };
    let environment = Environment::of_process();
    let mut say = |line: &str| {
        if arguments.explain {
            eprintln!("{line}");
        }
    };
    let token = fetch::token(&registry, &environment, &mut say)?;
    let written = |text: &str| {
        stdout()
            .write_all(text.as_bytes())
            .context("cannot write to stdout")
    };
    if !arguments.explain {
        written(&format!("{}\n", token.secret()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let claims = Value::Object(token.claims().clone());
    written(&format!("{claims:#}\n"))?;
    if arguments.config.is_none() {
        return Ok(ExitCode::SUCCESS);
    }
    let case = arguments.ask(&token)?;
    written(&format!(
        "\n{}the signature of the token was not checked\n",
        show::text(&case)
    ))?;
    Ok(if case.is_granted() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED)
    })
}

impl Arguments {
    /// Asks the policy about the claims.
    fn ask(&self, token: &Token) -> anyhow::Result<Case> {
        let words = if self.words.is_empty() {
            PING.to_owned()
        } else {
            self.words.join(" ")
        };
        let wish = Wish::read(&words)?;
        let config = self.config.as_deref().context("no policy is named")?;
        let configuration = Configuration::read_to_ask(config)?;
        let Some(engine) = configuration.document().and_then(policy::engine) else {
            check::print(&configuration);
            bail!("the configuration has errors: nothing can be explained by it");
        };
        let claims = token.claims().clone();
        let principal = Principal::Token { claims };
        Ok(Case::of(&engine, &principal, &wish, wall_clock(), None).with_hidden(&engine))
    }
}
