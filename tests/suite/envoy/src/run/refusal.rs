//! `docs/refusal.md`, run as it stands.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::program::{free_address, tool};
use registry_auth_harness::{distribution, envoy, module};

const PAGE: &str = "docs/refusal.md";
/// The addresses of the page.
const PROXY: &str = "127.0.0.1:8080";
const REGISTRY: &str = "127.0.0.1:5000";

/// The blocks between fences: what follows the first fence, and the text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.split_once('\n')).collect()
}

/// Writes the files of the page, and returns its script: it prints `== N` before the block N.
fn prepare(page: &str, folder: &Path) -> Result<String> {
    let mut script = "set -eu\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n".to_owned();
    for (number, (info, text)) in blocks(page).iter().enumerate() {
        match info.split_once(' ') {
            Some(("sh", "run")) => {
                for line in ["echo '== ", &number.to_string(), "'\n", text] {
                    script.push_str(line);
                }
            }
            Some((_, "output")) | None => {}
            Some((_, name)) => fs::write(folder.join(name), text)?,
        }
    }
    Ok(script)
}

/// The programs of the page are found.
fn path() -> Result<String> {
    let folder = |program: PathBuf| {
        let parent = program.parent().map(Path::to_path_buf);
        parent.context("a program without a folder")
    };
    let all = [
        folder(module::shim()?)?,
        folder(envoy::binary()?)?,
        folder(tool("bin/crane"))?,
    ];
    let before = env::var_os("PATH").unwrap_or_default();
    let all = all.into_iter().chain(env::split_paths(&before));
    let joined = env::join_paths(all)?;
    Ok(joined.to_string_lossy().into_owned())
}

fn with_addresses(page: &str, proxy: SocketAddr, registry: SocketAddr) -> String {
    let port = |address: &str| address.replace("127.0.0.1:", "");
    let quoted = format!("\"{}\"", proxy.port());
    page.replace(PROXY, &proxy.to_string())
        .replace(REGISTRY, &registry.to_string())
        .replace(&format!("\"{}\"", port(PROXY)), &quoted)
}

#[test]
fn the_page_leads_from_a_refusal_to_a_repaired_policy() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_registry, address) = distribution::start(folder.path())?;
    let page = fs::read_to_string(module::workspace().join(PAGE))?;
    let page = with_addresses(&page, free_address()?, address);
    let script = prepare(&page, folder.path())?;
    let began = Instant::now();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path()?)
        .env("HOME", folder.path())
        .env("DOCKER_CONFIG", folder.path())
        .stdin(Stdio::null())
        .output()?;
    let printed = String::from_utf8(output.stdout)?;
    let log = fs::read_to_string(folder.path().join("run.log")).unwrap_or_default();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{printed}\n{errors}\n{log}");
    eprintln!("the page took {:.1} s", began.elapsed().as_secs_f64());
    let mut ran = "";
    for (number, (info, text)) in blocks(&page).into_iter().enumerate() {
        match info {
            "sh run" => {
                let after = printed.split_once(&format!("== {number}\n"));
                let after = after.with_context(|| format!("block {number} did not run"))?;
                ran = after.1.split("== ").next().unwrap_or_default();
            }
            "text output" => {
                for line in text.lines() {
                    ensure!(ran.contains(line), "no `{line}` in:\n{ran}");
                }
            }
            _ => {}
        }
    }
    Ok(())
}
