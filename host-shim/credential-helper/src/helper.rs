//! The protocol of Docker's credential helpers: one verb, a text on stdin, an answer on stdout.
//!
//! Clients read a message on stdout: the sentence for "no credential" is compared as a whole, and
//! everything else ends what the client does.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::fetch::{self, FetchError};
use crate::server::host_of;
use crate::settings::{Settings, SettingsError};

/// The name of the program.
pub const NAME: &str = "docker-credential-registry-auth";
/// Shows on stderr which source is asked, if it is `1`.
pub const DEBUG: &str = "REGISTRY_AUTH_DEBUG";
/// The longest text on stdin, in bytes.
const MAX_INPUT: u64 = 64 * 1024;

/// What is said instead of an answer.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// The registry is not one of ours: clients go on without a credential.
    #[error("credentials not found in native keychain")]
    NotFound,
    /// There is no server on stdin.
    #[error("no credentials server URL")]
    NoServer,
    /// A credential to store has no user name.
    #[error("no credentials username")]
    NoUsername,
    /// A credential to store is malformed.
    #[error("stdin has no JSON object with `ServerURL`, `Username` and `Secret`")]
    NoCredentials,
    /// Stdin cannot be read.
    #[error("stdin cannot be read, or has more than {MAX_INPUT} bytes of text")]
    Input,
    /// There is no such verb.
    #[error("{NAME}: unknown action: {0}: write get, store, erase, list or version")]
    Verb(String),
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no good token.
    #[error("{host}: {error}")]
    Token {
        /// The registry.
        host: String,
        /// Why.
        error: FetchError,
    },
    /// Stdout cannot be written.
    #[error("stdout cannot be written")]
    Output,
}

/// A credential, as clients read and write it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    #[serde(rename = "ServerURL", default)]
    server: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Answers a verb. `stderr` gets what only people read.
///
/// # Errors
/// See [`HelperError`]: the caller writes it to stdout and ends with the status 1.
pub fn answer(
    verb: &str,
    environment: &Environment,
    stdin: &mut dyn Read,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> Result<(), HelperError> {
    let line = match verb {
        "get" => get(environment, &server(stdin)?, stderr)?,
        "store" => return store(environment, stdin, stderr),
        "erase" => {
            server(stdin)?;
            note(stderr, "nothing is erased: no credential is kept");
            return Ok(());
        }
        "list" => list(environment)?,
        "version" => version(),
        other => return Err(HelperError::Verb(other.escape_debug().take(32).collect())),
    };
    writeln!(stdout, "{line}").map_err(|_| HelperError::Output)
}

/// Returns how the program is called.
#[must_use]
pub fn usage() -> String {
    format!("Usage: {NAME} <store|get|erase|list|version>")
}

/// Returns the name of the program, in parentheses that of the package, and the version.
#[must_use]
pub fn version() -> String {
    format!("{NAME} (registry-auth) {}", env!("CARGO_PKG_VERSION"))
}

fn get(
    environment: &Environment,
    server: &str,
    stderr: &mut dyn Write,
) -> Result<String, HelperError> {
    let debug = environment.get(DEBUG) == Some("1");
    let mut settings = Settings::read(environment)?;
    let host = host_of(server);
    if debug {
        note(stderr, &format!("settings {}", settings.place()));
    }
    let registry = settings
        .registries
        .remove(&host)
        .ok_or(HelperError::NotFound)?;
    let token = fetch::token(&registry, environment, &mut |line| {
        if debug {
            note(stderr, &format!("{host}: {line}"));
        }
    });
    let token = token.map_err(|error| HelperError::Token { host, error })?;
    let credentials = Credentials {
        server: server.to_owned(),
        username: registry.username,
        secret: token.secret().to_owned(),
    };
    serde_json::to_string(&credentials).map_err(|_| HelperError::Output)
}

fn store(
    environment: &Environment,
    stdin: &mut dyn Read,
    stderr: &mut dyn Write,
) -> Result<(), HelperError> {
    let written = input(stdin)?;
    let written: Credentials =
        serde_json::from_str(&written).map_err(|_| HelperError::NoCredentials)?;
    if written.server.is_empty() {
        return Err(HelperError::NoServer);
    }
    if written.username.is_empty() {
        return Err(HelperError::NoUsername);
    }
    let settings = Settings::read(environment)?;
    let host = host_of(&written.server);
    let line = if settings.registries.contains_key(&host) {
        "nothing is stored: a token is fetched each time".to_owned()
    } else {
        format!(
            "nothing is stored: {} is not in {}; name this helper in `credHelpers`, not in `credsStore`",
            host.escape_debug(),
            settings.place()
        )
    };
    note(stderr, &line);
    Ok(())
}

fn list(environment: &Environment) -> Result<String, HelperError> {
    let settings = Settings::read(environment)?;
    let names: serde_json::Map<_, _> = settings
        .registries
        .into_iter()
        .map(|(host, registry)| (host, registry.username.into()))
        .collect();
    Ok(serde_json::Value::Object(names).to_string())
}

/// Reads a server URL.
fn server(stdin: &mut dyn Read) -> Result<String, HelperError> {
    let text = input(stdin)?;
    let server = text.trim();
    if server.is_empty() {
        return Err(HelperError::NoServer);
    }
    Ok(server.to_owned())
}

/// Reads stdin to its end, without the line ends in it.
fn input(stdin: &mut dyn Read) -> Result<String, HelperError> {
    let mut text = String::new();
    let read = stdin
        .take(MAX_INPUT.saturating_add(1))
        .read_to_string(&mut text);
    match read.map(u64::try_from) {
        Ok(Ok(length)) if length <= MAX_INPUT => Ok(text.replace(['\r', '\n'], "")),
        _ => Err(HelperError::Input),
    }
}

fn note(stderr: &mut dyn Write, line: &str) {
    // Whether somebody reads it changes nothing.
    drop(writeln!(stderr, "{NAME}: {line}"));
}

#[cfg(test)]
mod tests;
