//! What the commands that render resources of Kubernetes have in common.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use registry_auth_render::{ConfigError, Files, Options, Rendered};
use serde_json::Value;

use super::USAGE;
use crate::configuration::value_of;
use crate::disk::Disk;
use crate::upstream::UpstreamArguments;

/// Renders a configuration to stdout, and says on stderr what is wrong or was assumed.
///
/// # Errors
/// The configuration cannot be read, or stdout cannot be written.
pub(super) fn write(
    config: &Path,
    upstream: &UpstreamArguments,
    render: impl Fn(&Value, &Options, &dyn Files) -> Result<Rendered, Vec<ConfigError>>,
) -> anyhow::Result<ExitCode> {
    let errors = match value_of(config)? {
        Ok(document) => match render(&document, &upstream.options(false), &Disk) {
            Ok(rendered) => {
                for warning in rendered.warnings {
                    eprintln!("warning: {warning}");
                }
                io::stdout()
                    .write_all(rendered.yaml.as_bytes())
                    .context("cannot write")?;
                for line in rendered.assumptions {
                    eprintln!("assumed: {line}");
                }
                return Ok(ExitCode::SUCCESS);
            }
            Err(errors) => errors,
        },
        Err(found) => found.errors,
    };
    for error in &errors {
        eprintln!("error: {error}");
    }
    let is_usage = errors.iter().any(|error| error.path.starts_with("--"));
    Ok(if is_usage {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    })
}

/// Checks the URL of a module.
pub(super) fn image(text: &str) -> Result<String, String> {
    let schemes = ["oci://", "https://", "http://", "file:///"];
    if schemes.iter().any(|scheme| text.starts_with(scheme)) {
        Ok(text.to_owned())
    } else {
        Err("write oci://REGISTRY/NAME:TAG, https://... or file:///path".to_owned())
    }
}

/// Reads a digest, with or without `sha256:` in front.
pub(super) fn digest(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(digits.to_ascii_lowercase())
    } else {
        Err("write the 64 hexadecimal digits of SHA-256".to_owned())
    }
}

/// Reads `NAME=VALUE`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
