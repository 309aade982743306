//! A program that prints a token.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{MAX_ANSWER, TRY};
use crate::source_error::SourceError;

/// The variable in which the program finds the audience.
const AUDIENCE: &str = "REGISTRY_AUTH_AUDIENCE";
const PAUSE: Duration = Duration::from_millis(2);

/// Runs the program and returns what it prints. Its stderr is that of this process.
///
/// # Errors
/// It cannot be started, fails, prints too much, or does not end in time; then it is killed.
pub(super) fn run(
    program: &str,
    arguments: &[String],
    audience: &str,
) -> Result<String, SourceError> {
    let failed = |problem: String| SourceError::Program {
        program: program.escape_debug().to_string(),
        problem,
    };
    let deadline = Instant::now() + TRY;
    let mut child = Command::new(program)
        .args(arguments)
        .env(AUDIENCE, audience)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let text = output(&mut child, deadline).and_then(|text| {
        ended(&mut child, deadline)?;
        Ok(text)
    });
    if text.is_err() {
        // Ignored: it may have ended by itself.
        drop(child.kill());
        drop(child.wait());
    }
    text.map_err(failed)
}

fn output(child: &mut Child, deadline: Instant) -> Result<String, String> {
    let stdout = child.stdout.take().ok_or("has no output")?;
    let (sender, receiver) = mpsc::channel();
    let limit = u64::try_from(MAX_ANSWER)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    // A program that it has started may hold the pipe: nobody waits for this thread.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(limit).read_to_end(&mut bytes);
        drop(sender.send(read.map(|_| bytes)));
    });
    let left = deadline.saturating_duration_since(Instant::now());
    let bytes = receiver.recv_timeout(left).map_err(|_| late())?;
    let bytes = bytes.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() > MAX_ANSWER {
        return Err(format!("printed more than {MAX_ANSWER} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "printed something that is not text".to_owned())
}

fn ended(child: &mut Child, deadline: Instant) -> Result<(), String> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("failed: {status}")),
            Ok(None) if Instant::now() < deadline => thread::sleep(PAUSE),
            Ok(None) => return Err(late()),
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    }
}

fn late() -> String {
    format!("did not end within {} s", TRY.as_secs())
}
