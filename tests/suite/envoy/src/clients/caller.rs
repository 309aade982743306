//! Somebody who uses a client: a folder with its settings, and a token or none.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::program::tool;
use serde_json::json;

use super::daemons::Sockets;
use super::helper;
use super::image::{self, Layout};
use super::table::{Client, Credential, Operation};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where the clients look for their settings.
const FOLDERS: [&str; 7] = [
    "HOME",
    "DOCKER_CONFIG",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "TMPDIR",
];
/// Run by root, skopeo and buildah would remember blobs in a folder of the system.
const ROOTLESS: (&str, &str) = ("_CONTAINERS_ROOTLESS_UID", "1");
const FILES: [(&str, &str); 2] = [
    ("REGISTRY_AUTH_FILE", "auth.json"),
    ("REGCTL_CONFIG", "regctl.json"),
];

/// What all callers have in common.
pub(super) struct Place {
    /// The registry.
    pub(super) host: SocketAddr,
    /// The name that they log in with.
    pub(super) user: &'static str,
    /// What they push.
    pub(super) layout: Layout,
    /// Of the daemons, if they run.
    pub(super) sockets: Option<Sockets>,
}

/// A caller of one client.
pub(super) struct Caller<'a> {
    place: &'a Place,
    client: &'a Client,
    folder: PathBuf,
    token: Option<String>,
}

/// What a client has done.
pub(super) struct Ended {
    pub(super) success: bool,
    /// What it wrote.
    pub(super) output: String,
}

impl Ended {
    /// Its last words, in one line.
    pub(super) fn last_words(&self) -> String {
        let lines: Vec<_> = self.output.lines().collect();
        lines
            .get(lines.len().saturating_sub(4)..)
            .unwrap_or_default()
            .join(" / ")
    }
}

impl<'a> Caller<'a> {
    /// Prepares `folder`. A token that is no password is in the settings then, or where the helper
    /// finds it.
    pub(super) fn new(
        place: &'a Place,
        client: &'a Client,
        folder: PathBuf,
        token: Option<String>,
    ) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let policy = json!({"default": [{"type": "insecureAcceptAnything"}]});
        fs::write(folder.join("policy.json"), policy.to_string())?;
        fs::write(folder.join("auth.json"), "{}")?;
        if let (Credential::Configuration, Some(token)) = (client.credential, &token) {
            let settings = json!({"auths": {place.host.to_string(): {"registrytoken": token}}});
            fs::write(folder.join("config.json"), settings.to_string())?;
        }
        if client.credential == Credential::Helper {
            helper::set_up(place.host, &folder, token.as_deref())?;
        }
        let caller = Self {
            place,
            client,
            folder,
            token,
        };
        let ended = caller.run(client.setup, "")?;
        ensure!(ended.success, "{}: {}", client.setup, ended.last_words());
        Ok(caller)
    }

    /// Asks for an operation on a repository; `None` when the client has no such operation.
    pub(super) fn ask(&self, operation: Operation, repository: &str) -> Result<Option<Ended>> {
        let Some(commands) = self.client.command(operation) else {
            return Ok(None);
        };
        let (_, name) = repository
            .rsplit_once('/')
            .context("a repository has two components")?;
        image::write_chart(&self.folder.join(name), name)?;
        self.run(commands, repository).map(Some)
    }

    /// Runs commands up to the first that fails.
    fn run(&self, commands: &str, repository: &str) -> Result<Ended> {
        let mut ended = Ended {
            success: true,
            output: String::new(),
        };
        for command in commands.split(" && ").filter(|command| !command.is_empty()) {
            if ended.success {
                ended = self
                    .run_one(command, repository)
                    .with_context(|| command.to_owned())?;
            }
        }
        Ok(ended)
    }

    fn run_one(&self, command: &str, repository: &str) -> Result<Ended> {
        let log = self.folder.join("log");
        let file = File::create(&log)?;
        let storage = "--root {folder}/storage --runroot {folder}/run --storage-driver vfs";
        let command = command.replace("{storage}", storage);
        let mut words = self.words(&command).into_iter();
        let program = words.next().context("a command has a program")?;
        let mut child = Command::new(tool(&format!("bin/{program}")))
            .args(words.map(|word| self.expand(word, repository)))
            .env_clear()
            .envs(self.environment())
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("it cannot be started: run `cargo xtask tools`")?;
        let deadline = Instant::now() + PATIENCE;
        let ended = loop {
            let late = Instant::now() > deadline;
            if late {
                child.kill()?;
            }
            let status = if late {
                Some(child.wait()?)
            } else {
                child.try_wait()?
            };
            if let Some(status) = status {
                let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
                break Ended {
                    success: status.success(),
                    output,
                };
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        ensure!(
            Instant::now() < deadline,
            "it did not end: {}",
            ended.last_words()
        );
        Ok(ended)
    }

    /// The words of a command; a caller without token leaves out that word and the one before.
    fn words<'c>(&self, command: &'c str) -> Vec<&'c str> {
        let words: Vec<_> = command.split_ascii_whitespace().collect();
        let is_token = |word: Option<&&str>| word.is_some_and(|word| word.contains("{token}"));
        let kept = words.iter().zip(1..).filter(|(word, next)| {
            self.token.is_some() || !(is_token(Some(word)) || is_token(words.get(*next)))
        });
        kept.map(|(word, _)| *word).collect()
    }

    fn expand(&self, word: &str, repository: &str) -> String {
        let (parent, name) = repository.rsplit_once('/').unwrap_or_default();
        let containerd = self
            .place
            .sockets
            .as_ref()
            .map_or(Path::new(""), |sockets| &sockets.containerd);
        [
            ("{host}", self.place.host.to_string().as_str()),
            ("{repo}", repository),
            ("{parent}", parent),
            ("{name}", name),
            ("{digest}", &self.place.layout.digest),
            ("{layout}", &self.place.layout.folder.to_string_lossy()),
            ("{layer}", &self.place.layout.layer.to_string_lossy()),
            ("{containerd}", &containerd.to_string_lossy()),
            ("{folder}", &self.folder.to_string_lossy()),
            ("{user}", self.place.user),
            ("{token}", self.token.as_deref().unwrap_or_default()),
        ]
        .iter()
        .fold(word.to_owned(), |word, (placeholder, value)| {
            word.replace(placeholder, value)
        })
    }

    /// Only this: no settings of the person who runs the tests, no proxies.
    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let docker = self.place.sockets.as_ref().map(|sockets| {
            let mut host = OsString::from("unix://");
            host.push(&sockets.docker);
            ("DOCKER_HOST", host)
        });
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = match self.client.credential {
            Credential::Helper => helper::path(&self.folder, &path),
            _ => path,
        };
        let others = [
            ("PATH", path),
            (
                helper::SETTINGS.0,
                self.folder.join(helper::SETTINGS.1).into_os_string(),
            ),
            (ROOTLESS.0, ROOTLESS.1.into()),
        ];
        let folders = FOLDERS.map(|name| (name, self.folder.clone().into_os_string()));
        let files = FILES.map(|(name, file)| (name, self.folder.join(file).into_os_string()));
        folders
            .into_iter()
            .chain(files)
            .chain(others)
            .chain(docker)
            .collect()
    }
}
