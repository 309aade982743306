//! `registry-auth render kubelet`.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use registry_auth_render::kubelet::{self, PROVIDER, RBAC, Rendered, Settings};

use super::USAGE;

/// Writes the configuration of the kubelet's credential provider, and the right that nodes need
///
/// Both on stdout, or as two files: the first is for each node, the second for `kubectl apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Images that are pulled with tokens: `HOST[:PORT][/PATH]`, where the host may have `*` for one
    /// label; may be repeated
    #[arg(long = "registry", value_name = "IMAGES", required = true)]
    registries: Vec<String>,
    /// The audience of the tokens; the registry when absent, if there is one
    #[arg(long, value_name = "AUDIENCE")]
    audience: Option<String>,
    /// User name of the credentials; `kubelet` when absent
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Name of the program in the folder of the kubelet's plugins
    #[arg(long, value_name = "NAME", default_value = "registry-auth")]
    name: String,
    /// For all service accounts, not only for those with the annotation registry-auth.dev/pull
    #[arg(long)]
    every_account: bool,
    /// The folder where the two files are written
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command. Arguments that cannot be used are an exit status, not an error.
    ///
    /// # Errors
    /// The files cannot be written.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let settings = Settings {
            name: self.name.clone(),
            registries: self.registries.clone(),
            audience: self.audience.clone(),
            username: self.username.clone(),
            every_account: self.every_account,
        };
        let rendered = match kubelet::render(&settings) {
            Ok(rendered) => rendered,
            Err(errors) => {
                for error in errors {
                    eprintln!("error: {error}");
                }
                return Ok(ExitCode::from(USAGE));
            }
        };
        match &self.out {
            Some(folder) => write(folder, &rendered)?,
            None => io::stdout()
                .write_all([rendered.provider, rendered.rbac].join("---\n").as_bytes())
                .context("cannot write")?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn write(folder: &Path, rendered: &Rendered) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    for (name, text) in [(PROVIDER, &rendered.provider), (RBAC, &rendered.rbac)] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}
