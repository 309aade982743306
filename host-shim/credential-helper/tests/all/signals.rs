//! A signal that ends the program while it waits for one of `exec`.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_docker-credential-registry-auth");
/// What `exec` starts: it has written its id, and that of what it has started, when it waits.
const WAITS: &str =
    "#!/bin/sh\nsleep 600 &\necho \"$$ $!\" >\"$0.new\"\nmv \"$0.new\" \"$0.started\"\nsleep 600\n";
/// How often is looked, and how often at most.
const PAUSE: Duration = Duration::from_millis(10);
const LOOKS: usize = 3_000;

fn written(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Starts the program by this command, in a folder with its settings.
fn start(command: &mut Command, folder: &Path) -> Child {
    let script = folder.join("get");
    written(&script, WAITS, 0o700);
    let settings = folder.join("credentials.json");
    let text = format!(
        r#"{{"registries": {{"a.example.com": {{"source": {{"exec": ["{}"]}}}}}}}}"#,
        script.display()
    );
    written(&settings, &text, 0o600);
    let mut child = command
        .env("REGISTRY_AUTH_CREDENTIALS", settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"a.example.com")
        .unwrap();
    child
}

/// Waits for the ids of what was started.
fn started(folder: &Path) -> Vec<Pid> {
    let file = folder.join("get.started");
    let looks = (0..LOOKS).find_map(|_| {
        sleep(PAUSE);
        fs::read_to_string(&file).ok()
    });
    let text = looks.unwrap();
    let ids = text.split_whitespace();
    ids.map(|id| Pid::from_raw(id.parse().unwrap()).unwrap())
        .collect()
}

/// Whether a process ends: one that has ended may wait for somebody who reaps it.
fn ends(id: Pid) -> bool {
    (0..LOOKS).any(|_| {
        let text = fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero()));
        let text = text.unwrap_or_default();
        let state = text
            .rsplit(')')
            .next()
            .and_then(|rest| rest.trim().chars().next());
        let is_over = matches!(state, None | Some('Z' | 'X'));
        if !is_over {
            sleep(PAUSE);
        }
        is_over
    })
}

/// The program, which ignores no signal: whoever runs the tests may, by `nohup`.
fn listening() -> Command {
    if !cfg!(target_os = "linux") {
        let mut command = Command::new(PROGRAM);
        command.arg("get");
        return command;
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM", PROGRAM, "get"]);
    command
}

#[test]
fn a_signal_ends_the_program_and_all_that_it_has_started() {
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        let folder = crate::folder::private();
        let child = start(&mut listening(), folder.path());
        let id = Pid::from_child(&child);
        let started = started(folder.path());
        assert_eq!(started.len(), 2);
        kill_process(id, signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(128 + signal.as_raw()),
            "{signal:?}"
        );
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        for id in started {
            assert!(ends(id), "{signal:?}");
        }
    }
}

/// As with `nohup`: the program goes on, here to its time limit.
#[test]
fn a_signal_that_is_ignored_ends_nothing() {
    let folder = crate::folder::private();
    let line = format!("trap '' HUP; exec {PROGRAM} get");
    let child = start(Command::new("sh").arg("-c").arg(line), folder.path());
    let id = Pid::from_child(&child);
    started(folder.path());
    kill_process(id, Signal::HUP).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("did not end within 5 s"), "{text}");
}
