//! `registry-auth kubelet-credential-provider`: what the kubelet calls before it pulls.

use std::io::{Read as _, Write as _, stdin, stdout};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use registry_auth_credential_helper::clock::now;
use registry_auth_credential_helper::environment::Environment;
use registry_auth_credential_helper::kubelet;

/// The longest request, in bytes: a token, and annotations.
const MAX_REQUEST: u64 = 1 << 20;

/// Gives the kubelet the token of a pod's service account as the password of its registry
///
/// The request is on stdin and the response on stdout, both of
/// credentialprovider.kubelet.k8s.io/v1. `registry-auth render kubelet` writes the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The audience that the token has to have; the registry of the image when absent
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The request cannot be read, or its token is not good: the kubelet goes on without it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut request = String::new();
    let limit = MAX_REQUEST.saturating_add(1);
    let read = stdin().lock().take(limit).read_to_string(&mut request);
    let length = read.context("stdin cannot be read as text")?;
    ensure!(
        u64::try_from(length).is_ok_and(|length| length <= MAX_REQUEST),
        "stdin has more than {MAX_REQUEST} bytes"
    );
    let environment = Environment::of_process();
    let audience = arguments.audience.as_deref();
    let answer = kubelet::answer(&request, audience, &environment, now())?;
    if let Some(note) = &answer.note {
        eprintln!("{note}");
    }
    writeln!(stdout(), "{}", answer.response).context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}
