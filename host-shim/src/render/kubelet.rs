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

#[cfg(test)]
mod tests {
    use registry_auth_credential_helper::{kubelet as program, settings};

    use super::*;

    /// The file is for the program, and neither has the other's code.
    #[test]
    fn what_is_rendered_is_what_the_program_reads() {
        assert_eq!(kubelet::OPT_IN, program::PULL);
        assert_eq!(kubelet::USERNAME, program::ANNOTATION);
        let long = "\u{e9}".repeat(127);
        let names = [
            "kubelet".to_owned(),
            "a b".to_owned(),
            format!("{long}a"),
            format!("{long}ab"),
            String::new(),
            "<token>".to_owned(),
            "a:b".to_owned(),
            "a\nb".to_owned(),
            "a\u{85}".to_owned(),
        ];
        for name in names {
            let wanted = Settings {
                name: "registry-auth".to_owned(),
                registries: vec!["registry.example.com".to_owned()],
                audience: None,
                username: Some(name.clone()),
                every_account: false,
            };
            let is_taken = kubelet::render(&wanted).is_ok();
            assert_eq!(is_taken, settings::is_username(&name), "{name:?}");
        }
    }
}
