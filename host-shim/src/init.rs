//! `registry-auth init`: a policy to begin with.

use std::process::ExitCode;

/// Prints a policy to begin with, with comments and tests
///
/// Replace its names, ids and hosts, and run `registry-auth test --config FILE`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// For whom
    #[arg(value_name = "KIND")]
    kind: Kind,
}

/// The policies there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// GitHub Actions of an organisation
    Github,
    /// GitLab CI of a group
    Gitlab,
    /// Pods, by service account and namespace
    Kubernetes,
    /// Everybody pulls, one repository's git tags release
    Oss,
    /// Teams of a company's OpenID provider
    Teams,
    /// Workloads with JWT-SVIDs
    Spiffe,
    /// Flux: pipelines push, controllers pull
    Flux,
}

impl Kind {
    const fn text(self) -> &'static str {
        match self {
            Self::Github => include_str!("../../filter/policy/ready/github.yaml"),
            Self::Gitlab => include_str!("../../filter/policy/ready/gitlab.yaml"),
            Self::Kubernetes => include_str!("../../filter/policy/ready/kubernetes.yaml"),
            Self::Oss => include_str!("../../filter/policy/ready/oss.yaml"),
            Self::Teams => include_str!("../../filter/policy/ready/teams.yaml"),
            Self::Spiffe => include_str!("../../filter/policy/ready/spiffe.yaml"),
            Self::Flux => include_str!("../../filter/policy/ready/flux.yaml"),
        }
    }
}

/// Prints the policy.
#[expect(
    clippy::print_stdout,
    reason = "the policy is what the command is asked for"
)]
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    print!("{}", arguments.kind.text());
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests;
