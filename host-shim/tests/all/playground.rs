//! `registry-auth playground`: who gets the page and the configuration.

use std::fs;
#[cfg(target_os = "linux")]
use std::fs::Permissions;
#[cfg(target_os = "linux")]
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
#[cfg(target_os = "linux")]
use tokio::time::sleep;
use tokio::time::timeout;

use crate::http;
use crate::shim::{Folder, output};

const INDEX: &str = "<!doctype html>\n<html lang=\"en\">\n</html>\n";
const PAGE: [(&str, &str); 3] = [
    ("index.html", INDEX),
    ("main.js", "1"),
    ("engine.wasm", "2"),
];
const POLICY: &str =
    "http: { accessControl: { repositories: { 'a/**': { anonymousPolicy: [read] } } } }";

/// The page that the program of this build holds, if it does: then it takes no other.
const HELD: Option<&str> = option_env!("REGISTRY_AUTH_PLAYGROUND");

/// How long the program and its browser have.
const LIMIT: Duration = Duration::from_secs(30);

/// A file of the page that the program serves.
fn file(name: &str) -> anyhow::Result<String> {
    let own = || PAGE.iter().find(|(own, _)| *own == name);
    Ok(match HELD {
        Some(folder) => String::from_utf8_lossy(&fs::read(Path::new(folder).join(name))?).into(),
        None => own().context("a file")?.1.to_owned(),
    })
}

/// The program in a folder of its own, with or without a page next to it.
struct Installed(PathBuf);

impl Installed {
    fn new(name: &str, has_page: bool) -> anyhow::Result<Self> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let program = folder.join("registry-auth");
        fs::hard_link(env!("CARGO_BIN_EXE_registry-auth"), &program)?;
        if has_page {
            let page = folder.join("playground");
            fs::create_dir(&page)?;
            for (name, content) in PAGE {
                fs::write(page.join(name), content)?;
            }
        }
        Ok(Self(program))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command
            .arg("playground")
            .args(arguments)
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Starts it; returns it with its authority and the path of the page.
    async fn start(&self, arguments: &[&str]) -> anyhow::Result<(Child, String, String)> {
        started(self.command(arguments)).await
    }
}

async fn started(mut command: Command) -> anyhow::Result<(Child, String, String)> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("no output")?;
    let line = timeout(LIMIT, BufReader::new(stdout).lines().next_line()).await??;
    let line = line.context("it has ended")?;
    let rest = line.strip_prefix("http://").context("an address")?;
    let (authority, path) = rest.split_once('/').context("a path")?;
    let path = format!("/{path}");
    ensure!(path.len() == 34 && path.ends_with('/'), "{path}");
    Ok((child, authority.to_owned(), path))
}

#[tokio::test]
async fn whoever_knows_the_address_gets_the_page_and_nobody_else() -> anyhow::Result<()> {
    let installed = Installed::new("playground-page", true)?;
    let folder = Folder::new()?;
    let policy = folder.write("policy.yaml", POLICY)?;
    let policy = policy.to_str().context("a path")?;
    let (_child, authority, path) = installed.start(&["--config", policy]).await?;
    let follows = file("index.html")?.replacen("\"en\"", "\"en\" data-configuration", 1);
    let [script, module] = [file("main.js")?, file("engine.wasm")?];
    let rows = [
        ("GET", path.clone(), 200, follows.as_str()),
        ("GET", format!("{path}index.html"), 200, &follows),
        ("GET", format!("{path}main.js"), 200, &script),
        ("GET", format!("{path}engine.wasm"), 200, &module),
        ("GET", format!("{path}../policy.yaml"), 404, ""),
        ("GET", format!("{path}%2e%2e/registry-auth"), 404, ""),
        ("GET", format!("{path}playground/main.js"), 404, ""),
        ("POST", path.clone(), 405, ""),
        ("GET", "/".to_owned(), 404, ""),
        ("GET", "/configuration".to_owned(), 404, ""),
        ("GET", "/main.js".to_owned(), 404, ""),
        ("GET", path.trim_end_matches('/').to_owned(), 404, ""),
    ];
    for (method, path, status, body) in rows {
        let answer = http::ask(&authority, method, &path).await?;
        let found = (answer.status().as_u16(), answer.body().as_str());
        ensure!(found == (status, body), "{method} {path}: {}", found.0);
        let policy = answer.headers()["content-security-policy"].to_str()?;
        ensure!(policy.starts_with("default-src 'none'"), "{policy}");
    }
    let answer = http::ask(&authority, "GET", &format!("{path}configuration")).await?;
    let value: Value = serde_json::from_str(answer.body())?;
    assert_eq!(
        (&value["text"], &value["format"]),
        (&POLICY.into(), &"yaml".into())
    );

    let changed = POLICY.replace("read", "delete");
    folder.write("policy.yaml", &changed)?;
    let later = http::ask(&authority, "GET", &format!("{path}configuration")).await?;
    assert_ne!(later.headers()["etag"], answer.headers()["etag"]);
    ensure!(later.body().contains("delete"), "{}", later.body());
    Ok(())
}

#[tokio::test]
async fn without_a_configuration_there_are_the_samples_alone() -> anyhow::Result<()> {
    // What a program holds, it serves without a folder.
    let installed = Installed::new("playground-samples", HELD.is_none())?;
    let (_child, authority, path) = installed.start(&["--listen", "127.0.0.1:0"]).await?;
    let answer = http::ask(&authority, "GET", &path).await?;
    assert_eq!(*answer.body(), file("index.html")?);
    let answer = http::ask(&authority, "GET", &format!("{path}configuration")).await?;
    assert_eq!(answer.status(), 404);
    Ok(())
}

/// Arguments of programs can be seen by every user of a host.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_browser_is_led_to_the_address_by_a_file_of_this_user() -> anyhow::Result<()> {
    let installed = Installed::new("playground-open", true)?;
    let folder = Folder::new()?;
    let seen = folder.path("seen");
    let script = format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin\n{{ echo \"$1\"; stat -c %a \"$1\"; cat \"$1\"; }} > '{0}.new'\nmv '{0}.new' '{0}'\n",
        seen.display()
    );
    let browser = folder.write("xdg-open", &script)?;
    fs::set_permissions(&browser, Permissions::from_mode(0o755))?;
    let mut command = installed.command(&["--open"]);
    let here = browser.parent().context("a folder")?;
    command.env("PATH", here).env("TMPDIR", here);
    let (mut child, authority, path) = started(command).await?;
    let text = timeout(LIMIT, async {
        loop {
            match fs::read_to_string(&seen) {
                Ok(text) => return text,
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await?;
    let mut lines = text.lines();
    let argument = lines.next().context("an argument")?;
    ensure!(!argument.contains(path.trim_matches('/')), "{argument}");
    assert_eq!(lines.next(), Some("600"));
    ensure!(
        text.contains(&format!("url=http://{authority}{path}\"")),
        "{text}"
    );
    ensure!(Path::new(argument).exists(), "{argument}");
    let id = i32::try_from(child.id().context("it has ended")?)?;
    kill_process(Pid::from_raw(id).context("an id")?, Signal::INT)?;
    timeout(LIMIT, child.wait()).await??;
    ensure!(!Path::new(argument).exists(), "{argument}");
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_a_line_of_advice() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let policy = folder.write("policy.yaml", POLICY)?;
    let policy = policy.to_str().context("a path")?;
    let missing = folder.path("missing.yaml");
    let missing = missing.to_str().context("a path")?;
    let rows = [
        (
            false,
            vec!["--config", policy],
            "build it by `cargo xtask playground`",
        ),
        (true, vec!["--config", missing], "cannot read `"),
        (
            true,
            vec!["--listen", "192.0.2.1:1"],
            "cannot listen on `192.0.2.1:1`",
        ),
    ];
    for (index, (has_page, arguments, expected)) in rows.into_iter().enumerate() {
        if HELD.is_some() && !has_page {
            // It lacks nothing.
            continue;
        }
        let installed = Installed::new(&format!("playground-missing-{index}"), has_page)?;
        let found = output(installed.command(&arguments)).await?;
        let errors = String::from_utf8(found.stderr)?;
        assert_eq!(found.status.code(), Some(1), "{errors}");
        let is_line = errors.starts_with("error: ") && errors.trim_end().lines().count() == 1;
        // Listening elsewhere has a warning in front.
        ensure!(
            errors.contains(expected) && (is_line || index == 2),
            "{errors}"
        );
    }
    Ok(())
}
