//! Distribution, the registry of the end-to-end tests: the program in `.tools`, with its data in a
//! folder.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use crate::program::{Program, free_address, tool};

/// A release of Distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// 2.8, which Debian has; where there is no apt it cannot be installed.
    V2,
    /// 3.1
    V3,
}

impl Release {
    /// The program in `.tools`.
    const fn program(self) -> &'static str {
        match self {
            Self::V2 => "bin/docker-registry",
            Self::V3 => "bin/registry",
        }
    }

    /// Returns true if it is installed.
    #[must_use]
    pub fn is_here(self) -> bool {
        tool(self.program()).exists()
    }
}

/// Starts a registry without authentication and with deletion enabled. `folder` gets its data and
/// its log.
///
/// # Errors
/// It is missing, or does not start.
pub fn start(folder: &Path) -> Result<(Program, SocketAddr)> {
    start_with(Release::V3, &json!({}), folder)
}

/// Starts a registry with further sections in its configuration, such as `auth`.
///
/// # Errors
/// It is missing, or does not start.
pub fn start_with(
    release: Release,
    sections: &Value,
    folder: &Path,
) -> Result<(Program, SocketAddr)> {
    let address = free_address()?;
    let file = folder.join("registry.json");
    let mut configuration = json!({
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": true}},
        "storage": {"filesystem": {"rootdirectory": folder.join("registry")}, "delete": {"enabled": true}},
        "http": {"addr": address.to_string()},
    });
    if let (Some(all), Value::Object(sections)) = (configuration.as_object_mut(), sections.clone())
    {
        all.extend(sections);
    }
    fs::write(&file, configuration.to_string())?;
    let mut command = Command::new(tool(release.program()));
    command
        .arg("serve")
        .arg(file)
        .env("OTEL_TRACES_EXPORTER", "none");
    // The registry treats every variable with this prefix as a part of its configuration.
    for (name, _) in
        env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REGISTRY_"))
    {
        command.env_remove(name);
    }
    let mut program = Program::start("registry", &mut command, folder)?;
    program.wait(address, "/v2/")?;
    Ok((program, address))
}
