//! Where a token comes from, as it is written: `github`, `file:PATH`, or the same in JSON.

mod written;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::environment::{Environment, shown};

/// The variable of `env`.
pub const ENV: &str = "REGISTRY_AUTH_TOKEN";
/// The variable of `gitlab`: the name in `id_tokens` of the job.
pub const GITLAB: &str = "REGISTRY_TOKEN";
/// The file of `kubernetes`: the projected token.
pub const KUBERNETES: &str = "/var/run/secrets/registry/token";
/// Where GitHub's runner says that tokens are given out.
pub(crate) const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// What authorizes the question.
pub(crate) const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
/// The address of the SPIFFE Workload API.
pub(crate) const SPIFFE_SOCKET: &str = "SPIFFE_ENDPOINT_SOCKET";
/// A metadata server in place of Google's.
pub(crate) const GCE_HOST: &str = "GCE_METADATA_HOST";

const NAMES: &str = "github, gitlab, file, env, kubernetes, gcp, aws, azure, spiffe or exec";

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The job of GitHub Actions, or of Forgejo.
    Github,
    /// The variable of a job of GitLab.
    Gitlab {
        /// Its name.
        variable: String,
    },
    /// A file, whoever writes it.
    File {
        /// Its path.
        path: PathBuf,
    },
    /// A variable.
    Env {
        /// Its name.
        variable: String,
    },
    /// The projected token of a pod.
    Kubernetes {
        /// Its path.
        path: PathBuf,
    },
    /// The metadata server of Google Cloud.
    Gcp,
    /// The token service of AWS.
    Aws {
        /// The region; that of the environment or of the instance when absent.
        region: Option<String>,
    },
    /// The metadata server of Azure.
    Azure {
        /// The client id of a managed identity; the only one when absent.
        client_id: Option<String>,
    },
    /// The Workload API of SPIFFE.
    Spiffe {
        /// The wanted identity; the first when absent.
        id: Option<String>,
    },
    /// A program that prints a token.
    Exec {
        /// The program.
        program: String,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// A source that cannot be used as it is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSource {
    /// There is none of this name.
    #[error("unknown source: write {NAMES}")]
    Unknown,
    /// It needs an argument.
    #[error(
        "`{name}` needs {what}: write `{name}:{example}`, in JSON {{\"{name}\": \"{example}\"}}"
    )]
    Missing {
        /// Its name.
        name: &'static str,
        /// What it needs.
        what: &'static str,
        /// How it is written.
        example: &'static str,
    },
    /// It has an argument that it does not use.
    #[error("`{0}` has no argument: write `{0}`")]
    Unused(&'static str),
    /// The name of a variable is not one: it may be the token itself.
    #[error("`{0}` takes the name of a variable (letters, digits and `_`), not its value")]
    Variable(&'static str),
}

impl Source {
    /// Returns the source of this name with its argument.
    ///
    /// # Errors
    /// See [`InvalidSource`].
    pub fn named(name: &str, argument: Option<&str>) -> Result<Self, InvalidSource> {
        let argument = argument.filter(|argument| !argument.is_empty());
        let owned = || argument.map(str::to_owned);
        let path = |default: &str| Path::new(argument.unwrap_or(default)).to_owned();
        Ok(match name {
            "github" => none("github", argument).map(|()| Self::Github)?,
            "gitlab" => Self::Gitlab {
                variable: variable("gitlab", argument.unwrap_or(GITLAB))?,
            },
            "env" => Self::Env {
                variable: variable("env", argument.unwrap_or(ENV))?,
            },
            "file" => Self::File {
                path: PathBuf::from(argument.ok_or(InvalidSource::Missing {
                    name: "file",
                    what: "a path",
                    example: KUBERNETES,
                })?),
            },
            "kubernetes" => Self::Kubernetes {
                path: path(KUBERNETES),
            },
            "gcp" => none("gcp", argument).map(|()| Self::Gcp)?,
            "aws" => Self::Aws { region: owned() },
            "azure" => Self::Azure { client_id: owned() },
            "spiffe" => Self::Spiffe { id: owned() },
            "exec" => {
                let words = argument.unwrap_or_default().split_ascii_whitespace();
                Self::program(words.map(str::to_owned).collect())?
            }
            _ => return Err(InvalidSource::Unknown),
        })
    }

    /// Returns the source that runs a program: its words are the program and its arguments.
    ///
    /// # Errors
    /// There is no word.
    pub fn program(words: Vec<String>) -> Result<Self, InvalidSource> {
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        Ok(Self::Exec {
            program: program.ok_or(InvalidSource::Missing {
                name: "exec",
                what: "a program",
                example: "my-token",
            })?,
            arguments: words.collect(),
        })
    }

    /// Returns the first source that is there, in the order of the enum. `file` and `exec` need an
    /// argument, so they are never found. Nothing is asked over the network.
    #[must_use]
    pub fn detect(environment: &Environment) -> Option<Self> {
        let set = |name: &str| environment.get(name).is_some();
        let machine = |file: &str, beginning: &str| {
            let path = environment.of_machine(&format!("sys/class/dmi/id/{file}"));
            std::fs::read_to_string(path).is_ok_and(|text| text.starts_with(beginning))
        };
        let aws = [
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ];
        let projected = environment.of_machine(KUBERNETES.trim_start_matches('/'));
        let name = if set(GITHUB_URL) && set(GITHUB_TOKEN) {
            "github"
        } else if set(GITLAB) {
            "gitlab"
        } else if set(ENV) {
            "env"
        } else if projected.is_file() {
            return Some(Self::Kubernetes { path: projected });
        } else if set(GCE_HOST) || set("K_SERVICE") || machine("product_name", "Google") {
            "gcp"
        } else if aws.iter().any(|name| set(name)) || machine("sys_vendor", "Amazon EC2") {
            "aws"
        } else if machine("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77") {
            "azure"
        } else if set(SPIFFE_SOCKET) {
            "spiffe"
        } else {
            return None;
        };
        Self::named(name, None).ok()
    }

    /// Returns its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab { .. } => "gitlab",
            Self::File { .. } => "file",
            Self::Env { .. } => "env",
            Self::Kubernetes { .. } => "kubernetes",
            Self::Gcp => "gcp",
            Self::Aws { .. } => "aws",
            Self::Azure { .. } => "azure",
            Self::Spiffe { .. } => "spiffe",
            Self::Exec { .. } => "exec",
        }
    }

    /// Says what to do about a token that is for another audience.
    #[must_use]
    pub fn audience_advice(&self, audience: &str) -> String {
        match self {
            Self::Gitlab { variable } => {
                format!("write `id_tokens: {{ {variable}: {{ aud: {audience} }} }}` into the job")
            }
            Self::Kubernetes { .. } => {
                format!("project a serviceAccountToken with `audience: {audience}` to that path")
            }
            Self::File { .. } | Self::Env { .. } => {
                "have it issued for this audience, or write its own as `audience`, if the registry takes that".to_owned()
            }
            Self::Exec { .. } => {
                "have the program ask for the audience in REGISTRY_AUTH_AUDIENCE".to_owned()
            }
            Self::Github
            | Self::Gcp
            | Self::Aws { .. }
            | Self::Azure { .. }
            | Self::Spiffe { .. } => "check `audience` in the settings".to_owned(),
        }
    }

    /// Says what to do about a token that has ended.
    #[must_use]
    pub fn end_advice(&self) -> String {
        match self {
            Self::Gitlab { .. } => "a token of a job ends with the job's timeout".to_owned(),
            Self::File { path } | Self::Kubernetes { path } => {
                format!("have a fresh one written to `{}`", shown(path))
            }
            Self::Env { variable } => format!("put a fresh one into {variable}"),
            Self::Exec { .. } => "have the program print a fresh one".to_owned(),
            Self::Github
            | Self::Gcp
            | Self::Aws { .. }
            | Self::Azure { .. }
            | Self::Spiffe { .. } => "check the clock of this machine".to_owned(),
        }
    }
}

fn none(name: &'static str, argument: Option<&str>) -> Result<(), InvalidSource> {
    match argument {
        None => Ok(()),
        Some(_) => Err(InvalidSource::Unused(name)),
    }
}

fn variable(source: &'static str, name: &str) -> Result<String, InvalidSource> {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.len() <= 128;
    if is_name {
        Ok(name.to_owned())
    } else {
        Err(InvalidSource::Variable(source))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// `NAME` or `NAME:ARGUMENT`.
impl FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, argument)) => Self::named(name, Some(argument)),
            None => Self::named(text, None),
        }
    }
}

#[cfg(test)]
mod tests;
