//! `registry-auth`: runs Envoy with the filter (`run`), fetches keys for the filter and pushes them to
//! Envoy (`serve`), checks configurations (`check`), writes those of proxies (`render`), and holds
//! the filter itself (`module`).

mod api_keys;
mod check;
mod clock;
mod configuration;
mod connections;
mod controller;
mod credential_helper;
mod deviations;
mod diff;
mod disk;
mod envelope;
mod exchange;
mod explain;
mod feedback;
mod feeder;
mod fetch;
mod file;
mod generation;
mod init;
mod inline;
mod intake;
mod intakes;
mod issuer;
mod key_sets;
mod keys;
mod kubelet_provider;
mod lanes;
mod listen;
mod logging;
mod login_feed;
mod members;
mod metrics;
mod module;
mod overlap;
mod people;
mod pipe;
mod playground;
mod policy;
mod publish;
mod push;
mod refresh;
mod render;
mod resolve;
mod run;
mod schedule;
mod secrets;
mod serve;
mod shim;
mod source;
mod status;
mod target;
mod test;
mod token;
mod trust;
mod upstream;
mod who;
mod workload_token;
mod zot;
mod zot_people;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keys and command line of the registry-auth filter
#[derive(Debug, Parser)]
#[command(name = "registry-auth", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Serve(serve::Arguments),
    Check(check::Arguments),
    Explain(explain::Arguments),
    Test(test::Arguments),
    Init(init::Arguments),
    Who(who::WhoArguments),
    What(who::WhatArguments),
    Diff(diff::Arguments),
    Playground(playground::Arguments),
    Keys(api_keys::Arguments),
    Token(workload_token::Arguments),
    CredentialHelper(credential_helper::Arguments),
    KubeletCredentialProvider(kubelet_provider::Arguments),
    Controller(Box<controller::Arguments>),
    Module(module::Arguments),
    #[command(hide = true)]
    BecomeEnvoy(run::launcher::Arguments),
    Render(Box<render::Arguments>),
}

fn main() -> ExitCode {
    pipe::end_quietly();
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Init(arguments) => Ok(init::run(&arguments)),
        Command::Who(arguments) => who::who(&arguments),
        Command::What(arguments) => who::what(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Playground(arguments) => playground::run(&arguments),
        Command::Keys(arguments) => api_keys::run(&arguments),
        Command::Token(arguments) => workload_token::run(&arguments),
        Command::CredentialHelper(arguments) => credential_helper::run(&arguments),
        Command::KubeletCredentialProvider(arguments) => kubelet_provider::run(&arguments),
        Command::Controller(arguments) => controller::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Module(module::Arguments {}) => module::run(),
        Command::BecomeEnvoy(arguments) => run::launcher::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_page_of_the_configuration_has_every_option() {
        let page = include_str!("../../docs/configuration.md");
        let rows = rows_of(&Arguments::command());
        for row in &rows {
            assert_eq!(page.matches(row).count(), 1, "{row}");
        }
        assert_eq!(page.matches("\n| `registry-auth ").count(), rows.len());
    }

    /// Returns how the rows of all options begin, those of commands of commands too.
    fn rows_of(command: &clap::Command) -> Vec<String> {
        fn add(command: &clap::Command, name: &str, rows: &mut Vec<String>) {
            for option in command.get_arguments() {
                let long = option.get_long().unwrap_or_default();
                let takes_value = option.get_action().takes_values();
                let value = option.get_value_names().filter(|_| takes_value);
                let value = value.unwrap_or_default().join(" ");
                let option = if long.is_empty() {
                    value
                } else {
                    // A bar ends a cell.
                    format!("--{long} {}", value.replace('|', "\\|"))
                };
                rows.push(format!("| `{name}` | `{}` | ", option.trim_end()));
            }
            let shown = |inner: &&clap::Command| !inner.is_hide_set();
            for inner in command.get_subcommands().filter(shown) {
                add(inner, &format!("{name} {}", inner.get_name()), rows);
            }
        }
        let mut rows = Vec::new();
        add(command, "registry-auth", &mut rows);
        rows
    }
}
