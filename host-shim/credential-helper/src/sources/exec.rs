//! A program that prints a token.

use std::io::{self, Read, Write as _, stderr};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::group::Group;
use crate::http::{MAX_ANSWER, TRY};
use crate::source_error::SourceError;

/// The variable in which the program finds the audience.
const AUDIENCE: &str = "REGISTRY_AUTH_AUDIENCE";
const PAUSE: Duration = Duration::from_millis(2);

/// Runs the program and returns what it has printed when it ends. What it writes to stderr goes to
/// that of this process, as far as [`MAX_ANSWER`]. Whatever it has started is ended with it, and when a
/// signal ends this process: all of its process group. What has left that group is not waited for, and has no pipe of the client.
///
/// # Errors
/// It cannot be started, fails, prints too much, or does not end in time.
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
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env(AUDIENCE, audience)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let group = Group::start(&mut command);
    let mut group = group.map_err(|error| failed(format!("cannot be started: {error}")))?;
    let bytes = output(&mut group, deadline).map_err(failed)?;
    let status = group.end();
    let status = status.map_err(|error| failed(format!("cannot be waited for: {error}")))?;
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    String::from_utf8(bytes).map_err(|_| failed("printed something that is not text".to_owned()))
}

/// Returns what the program has printed until it ended.
fn output(group: &mut Group, deadline: Instant) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let mut printed = Pipe::new(group.child.stdout.take()).map_err(unreadable)?;
    let mut said = Pipe::new(group.child.stderr.take()).map_err(unreadable)?;
    loop {
        // Asked first: what is read after that is all of it.
        let has_ended = group.has_ended();
        let has_ended = has_ended.map_err(|error| format!("cannot be waited for: {error}"))?;
        printed.read().map_err(unreadable)?;
        let before = said.bytes.len();
        said.read().map_err(unreadable)?;
        let new = said.bytes.get(before..MAX_ANSWER.min(said.bytes.len()));
        // Whether somebody reads it changes nothing.
        drop(stderr().write_all(new.unwrap_or_default()));
        if printed.bytes.len() > MAX_ANSWER {
            return Err(format!("printed more than {MAX_ANSWER} bytes"));
        }
        if has_ended {
            return Ok(printed.bytes);
        }
        if Instant::now() >= deadline {
            return Err(format!("did not end within {} s", TRY.as_secs()));
        }
        thread::sleep(PAUSE);
    }
}

/// A pipe of the program that is read as far as there is something in it.
struct Pipe<R> {
    pipe: R,
    bytes: Vec<u8>,
}

impl<R: Read + AsFd> Pipe<R> {
    fn new(pipe: Option<R>) -> io::Result<Self> {
        let pipe = pipe.ok_or(io::ErrorKind::BrokenPipe)?;
        let flags = fcntl_getfl(&pipe)?;
        fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?;
        let bytes = Vec::new();
        Ok(Self { pipe, bytes })
    }

    /// Reads what is there. Of more than [`MAX_ANSWER`] the rest is dropped.
    fn read(&mut self) -> io::Result<()> {
        let mut piece = [0; 4_096];
        // No more at a time than a pipe holds, however fast it is written.
        for _ in 0..32 {
            match self.pipe.read(&mut piece) {
                Ok(0) => break,
                Ok(length) if self.bytes.len() <= MAX_ANSWER => {
                    self.bytes.extend(piece.iter().take(length));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
