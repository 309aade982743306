//! `registry-auth`: runs Envoy with the filter (`run`), fetches keys for the filter and pushes them to
//! Envoy (`serve`), checks configurations (`check`), and holds the filter itself (`module`).

mod check;
mod clock;
mod configuration;
mod envelope;
mod exchange;
mod feedback;
mod fetch;
mod file;
mod generation;
mod inline;
mod intake;
mod issuer;
mod keys;
mod listen;
mod logging;
mod metrics;
mod module;
mod overlap;
mod push;
mod refresh;
mod run;
mod schedule;
mod secrets;
mod serve;
mod shim;
mod source;
mod status;
mod token;
mod trust;
mod zot;

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
    Module(module::Arguments),
    #[command(hide = true)]
    BecomeEnvoy(run::launcher::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
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
        let mut rows = 0;
        let command = Arguments::command();
        let shown = |command: &&clap::Command| !command.is_hide_set();
        for command in command.get_subcommands().filter(shown) {
            for option in command.get_arguments() {
                let name = option.get_long().unwrap_or_default();
                let value = option.get_value_names().unwrap_or_default().join(" ");
                let option = format!("--{name} {value}");
                let row = format!(
                    "| `registry-auth {}` | `{}` | ",
                    command.get_name(),
                    option.trim()
                );
                assert_eq!(page.matches(&row).count(), 1, "{row}");
                rows += 1;
            }
        }
        assert_eq!(page.matches("\n| `registry-auth ").count(), rows);
    }
}
