//! containerd and dockerd, with everything of theirs in one folder. They have to be started by
//! root.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use registry_auth_harness::program::{Program, tool};
use serde_json::json;
use tempfile::TempDir;

/// What dockerd is kept from: the network of the machine.
const ALONE: &[&str] = &[
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
    "--userland-proxy=false",
    "--storage-driver=vfs",
];

/// How long one answer of dockerd may take.
const PING: Duration = Duration::from_secs(10);

/// The running daemons. Dropped in the order of the fields.
pub(super) struct Daemons {
    _dockerd: Program,
    _containerd: Program,
    _folder: TempDir,
    sockets: Sockets,
}

/// Where they listen.
#[derive(Clone)]
pub(super) struct Sockets {
    pub(super) containerd: PathBuf,
    pub(super) docker: PathBuf,
}

impl Daemons {
    /// Starts both.
    pub(super) fn start() -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-daemons-")?;
        let [containerd, docker] =
            ["containerd.sock", "docker.sock"].map(|name| folder.path().join(name));
        let sockets = Sockets { containerd, docker };
        let containerd = start_containerd(folder.path(), &sockets)?;
        let dockerd = start_dockerd(folder.path(), &sockets)?;
        Ok(Self {
            _dockerd: dockerd,
            _containerd: containerd,
            _folder: folder,
            sockets,
        })
    }

    pub(super) const fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}

fn start_containerd(folder: &Path, sockets: &Sockets) -> Result<Program> {
    let file = folder.join("containerd.toml");
    // TOML writes these strings as JSON does.
    let text = |name: &str| json!(folder.join(name)).to_string();
    let configuration = format!(
        "version = 2\nroot = {}\nstate = {}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\naddress = {}\n[plugins.\"io.containerd.internal.v1.opt\"]\npath = {}\n",
        text("root"),
        text("state"),
        json!(sockets.containerd),
        text("opt"),
    );
    fs::write(&file, configuration)?;
    let mut command = Command::new(tool("bin/containerd"));
    let mut containerd = Program::start("containerd", command.arg("--config").arg(file), folder)?;
    containerd.wait_until(|| UnixStream::connect(&sockets.containerd).is_ok())?;
    Ok(containerd)
}

/// Moby's API before everything else: the first line of the answer.
fn ping(socket: &Path) -> Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PING))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

/// dockerd mounts its folder and writes to `/run`: it gets mounts and a `/run` of its own, which go
/// when it does.
fn start_dockerd(folder: &Path, sockets: &Sockets) -> Result<Program> {
    let file = folder.join("docker.json");
    fs::write(
        &file,
        json!({"deprecated-key-path": folder.join("key.json")}).to_string(),
    )?;
    let mut host = OsString::from("unix://");
    host.push(&sockets.docker);
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"",
    ]);
    command
        .arg(tool("bin/dockerd"))
        .args(ALONE)
        .arg("--host")
        .arg(host);
    command
        .arg("--config-file")
        .arg(file)
        .arg("--containerd")
        .arg(&sockets.containerd);
    for (option, name) in [
        ("--data-root", "data"),
        ("--exec-root", "exec"),
        ("--pidfile", "dockerd.pid"),
    ] {
        command.arg(option).arg(folder.join(name));
    }
    let mut dockerd = Program::start("dockerd", &mut command, folder)?;
    dockerd.wait_until(|| ping(&sockets.docker).is_ok_and(|answer| answer.contains(" 200 ")))?;
    Ok(dockerd)
}
