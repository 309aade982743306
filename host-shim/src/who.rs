//! `registry-auth who` and `what`: who may do something, and what somebody may do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use registry_auth_engine::engine::Engine;
use registry_auth_engine::route::Repository;
use registry_auth_policy::access::{self, Granted, Who};
use registry_auth_policy::plain;

use crate::configuration::Configuration;
use crate::{check, policy};

/// Lists who may do something in a repository
///
/// Conditions are shown, and not evaluated.
#[derive(Debug, clap::Args)]
pub(crate) struct WhoArguments {
    /// The configuration, JSON or YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The repository
    #[arg(long, value_name = "NAME")]
    repository: String,
    /// What is done
    #[arg(long, value_name = "ACTION")]
    action: ActionName,
}

/// Lists what a user may do
///
/// Rules of longer patterns are listed first: in their repositories they hide the others. Conditions
/// are shown, and not evaluated.
#[derive(Debug, clap::Args)]
pub(crate) struct WhatArguments {
    /// The configuration, JSON or YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The user name; nobody if absent
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Groups of the user
    #[arg(long = "group", value_name = "GROUP", requires = "user")]
    groups: Vec<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ActionName {
    Read,
    Create,
    Update,
    Delete,
}

impl ActionName {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Runs `who`.
///
/// # Errors
/// The configuration cannot be used.
#[expect(
    clippy::print_stdout,
    reason = "the list is what the command is asked for"
)]
pub(crate) fn who(arguments: &WhoArguments) -> anyhow::Result<ExitCode> {
    let engine = engine(&arguments.config)?;
    let policy = engine.policy();
    let policy = policy.context(
        "there is no `http.accessControl`: everybody with a credential may do everything",
    )?;
    if Repository::parse_name(&arguments.repository).is_err() {
        bail!(
            "`{}` is no name of a repository (OCI distribution spec): write one such as `team/app`, without host and tag",
            arguments.repository.escape_debug()
        );
    }
    let answer = access::who(policy, &arguments.repository, arguments.action.name());
    let found = answer.granted;
    if found.is_empty() {
        println!("nobody");
    }
    let width = found.iter().map(|(who, _)| who.to_string().chars().count());
    let width = width.max().unwrap_or_default();
    for (who, granted) in found {
        print_line(&format!("{:<width$}  {granted}", Who::to_string(&who)));
    }
    for (user, pattern) in answer.apart {
        print_line(&format!(
            "for user {user} alone {pattern} decides, whatever is said of groups and everybody"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `what`.
///
/// # Errors
/// The configuration cannot be used.
#[expect(
    clippy::print_stdout,
    reason = "the list is what the command is asked for"
)]
pub(crate) fn what(arguments: &WhatArguments) -> anyhow::Result<ExitCode> {
    let engine = engine(&arguments.config)?;
    let policy = engine.policy();
    let policy = policy.context(
        "there is no `http.accessControl`: everybody with a credential may do everything",
    )?;
    let user = arguments.user.as_deref();
    let mut groups = arguments.groups.clone();
    groups.extend(user.map(|user| policy.groups_of(user)).unwrap_or_default());
    let found = access::what(policy, user, &groups);
    if found.is_empty() {
        println!("nothing");
    }
    let closed = access::closed(policy, user, &found);
    let pattern = |granted: &Granted| granted.pattern.as_deref().unwrap_or("**").to_owned();
    let texts = found
        .iter()
        .map(pattern)
        .chain(closed.iter().map(ToString::to_string));
    let width = texts.map(|text| text.chars().count());
    let width = width.max().unwrap_or_default();
    for granted in found {
        let (pattern, actions) = (pattern(&granted), granted.actions.join(" "));
        let rule = Granted {
            pattern: None,
            ..granted
        };
        print_line(&format!("{pattern:<width$}  {actions:<25}  {rule}"));
    }
    for text in closed {
        print_line(&format!(
            "{text:<width$}  nothing, whatever shorter patterns say"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

#[expect(
    clippy::print_stdout,
    reason = "the list is what the command is asked for"
)]
fn print_line(line: &str) {
    println!("{}", plain::line(line));
}

fn engine(config: &Path) -> anyhow::Result<Engine> {
    let configuration = Configuration::read_to_ask(config)?;
    let Some(engine) = configuration.document().and_then(policy::engine) else {
        check::print(&configuration);
        bail!("the configuration has errors: nothing can be said about it");
    };
    Ok(engine)
}
