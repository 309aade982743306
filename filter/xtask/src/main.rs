//! Builds, tests, demonstrates and measures registry-auth. `cargo xtask help` lists the commands.

mod bench;
mod build;
mod callgrind;
mod chart;
mod corpus;
mod debian;
mod demo;
mod dynamic;
#[cfg(test)]
mod floors;
mod fuzz;
mod helper;
mod hosts;
mod image;
mod istio;
mod kube;
mod module;
mod playground;
mod process;
mod release;
mod soak;
mod test;
mod toolchain;
mod tools;
mod words;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Builds, tests and demonstrates registry-auth.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the modules in target and target/release/registry-auth
    Build(build::Options),
    /// Build the dynamic module of Envoy in target
    Dynamic,
    /// Run what CI runs, the fastest first; stop at the first failure
    Test(test::Options),
    /// Fuzz the parsers
    Fuzz(fuzz::Options),
    /// Demonstrate the main use case on this machine: Envoy, a registry, an issuer, AWS Secrets
    /// Manager, a client
    Demo(demo::Options),
    /// Test the Helm chart and the images with the real programs
    Chart,
    /// Write OCI image layouts of module and program below target/images
    Image(image::Options),
    /// Measure what the filter costs in Envoy, compared with Envoy's own filters
    Bench(bench::Options),
    /// Send millions of requests while keys and policy change, and check that memory stays flat
    Soak(soak::Options),
    /// Run what is rendered for Istio under its own control plane, with the real Envoy
    Istio,
    /// Run the controller with a real Kubernetes API server, and its tokens through the real Envoy
    Kube,
    /// Send the same requests to every supported version of Envoy, and compare with docs/hosts.md
    Hosts,
    /// Check that changelog, version and clock are ready for a release
    ReleaseCheck,
    /// Build the page of the playground in target/playground
    Playground,
    /// List words of filter/xtask/words.txt in pages, comments and strings
    Words,
    /// Install the pinned programs that tests and demo need into .tools
    Tools,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let workspace = Workspace::find()?;
    match &arguments.command {
        Command::Build(options) => build::run(&workspace, options),
        Command::Dynamic => dynamic::build(&workspace),
        Command::Test(options) => test::run(&workspace.testing(), options),
        Command::Fuzz(options) => fuzz::run(&workspace, options),
        Command::Demo(options) => demo::run(&workspace, options),
        Command::Chart => chart::run(&workspace),
        Command::Image(options) => image::run(&workspace, options),
        Command::Bench(options) => bench::run(&workspace, options),
        Command::Soak(options) => soak::run(&workspace, options),
        Command::Istio => istio::run(&workspace),
        Command::Kube => kube::run(&workspace.testing()),
        Command::Hosts => hosts::run(&workspace),
        Command::ReleaseCheck => release::run(&workspace),
        Command::Playground => playground::run(&workspace),
        Command::Words => words::run(&workspace),
        Command::Tools => tools::ALL
            .iter()
            .try_for_each(|tools| tools::install(&workspace, tools)),
    }
}
