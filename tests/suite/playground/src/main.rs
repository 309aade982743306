//! The page of the playground in a real browser.
//!
//! `cargo xtask test --only playground` builds the page, installs Chromium and the packages of npm,
//! and runs this. With `REGISTRY_AUTH_RENEW=1` the pictures of the pages in `docs` are written.

mod findings;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::module;

/// What the browser has to see, so that a step that was left out is noticed.
const SEEN: usize = 45;

/// The least number of rows that are compared.
const ROWS: usize = 200;

fn existing(path: PathBuf) -> Result<PathBuf> {
    ensure!(
        path.exists(),
        "`{}` is missing: run `cargo xtask test --only playground`",
        path.display()
    );
    Ok(path)
}

/// A command that runs the script with the packages of npm. Modules are found from the folder of a
/// script, so it is copied next to them.
fn driver(browser: &Path) -> Result<Command> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/drive");
    let target = browser.join("playground");
    fs::create_dir_all(&target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        fs::copy(entry.path(), target.join(entry.file_name()))?;
    }
    let mut command = Command::new("node");
    command.arg(target.join("main.js"));
    Ok(command)
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "what the browser has seen is the log of the test"
)]
fn the_page_in_a_browser() -> Result<()> {
    let root = module::workspace();
    let tools =
        std::env::var_os("REGISTRY_AUTH_TOOLS").map_or_else(|| root.join(".tools"), PathBuf::from);
    let browser = existing(tools.join("browser"))?;
    let rows = rows::all()?;
    ensure!(rows.len() >= ROWS, "{} rows only", rows.len());
    let folder = root.join("target/playground-rows");
    fs::create_dir_all(&folder)?;
    let file = folder.join("rows.json");
    fs::write(&file, serde_json::to_vec(&rows)?)?;

    let mut command = driver(&browser)?;
    command
        .arg(existing(root.join("target/playground/index.html"))?)
        .arg(existing(tools.join("bin/chromium"))?)
        .arg(existing(
            tools.join("playground/node_modules/axe-core/axe.min.js"),
        )?)
        .arg(&file)
        .arg(root.join("filter/playground/samples/samples.json"))
        .arg(root.join("target/screenshots"))
        .arg(module::shim().context("the program serves the page too")?);
    let output = command.output().context("cannot start `node`")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "the browser saw something else");
    let seen = text
        .lines()
        .filter(|line| line.starts_with("seen: "))
        .count();
    ensure!(seen == SEEN, "{seen} steps of {SEEN}");
    if std::env::var_os("REGISTRY_AUTH_RENEW").is_some() {
        for name in ["playground-light.png", "playground-dark.png"] {
            let picture = root.join("target/screenshots").join(name);
            fs::copy(picture, root.join("docs/images").join(name))?;
        }
    }
    Ok(())
}
