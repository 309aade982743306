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
mod tests {
    use clap::ValueEnum as _;
    use registry_auth_engine::compile::compile;
    use registry_auth_engine::config::{Diagnostics, Role, decode_value};
    use registry_auth_policy::tests;
    use registry_auth_render::{Options, complete};
    use serde_json::Value;

    use super::*;
    use crate::clock::wall_clock;
    use crate::configuration::value_of;
    use crate::disk::Disk;

    fn document(kind: Kind) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        std::fs::write(&path, kind.text()).unwrap();
        value_of(&path).unwrap().unwrap()
    }

    /// The promises that do not hold, and how many warnings there are; `None` if the document is
    /// refused for another reason.
    fn failures(document: &Value) -> Option<(Vec<String>, usize)> {
        let completed = complete(document, &Options::default(), &Disk).ok()?;
        let Role::Filter(raw) = decode_value(completed.filter.clone()).0 else {
            return None;
        };
        let mut found = Diagnostics::default();
        let engine = compile(&raw, &mut found)?.engine;
        let failed = tests::check(raw.tests.as_ref(), &engine, wall_clock());
        let failed = failed.iter().map(ToString::to_string).collect();
        Some((failed, completed.warnings.len()))
    }

    /// The places of what a mutant lacks: each action, user, group, condition and validation.
    fn places(value: &Value, at: &str, into: &mut Vec<String>) {
        const LISTS: [&str; 7] = [
            "actions",
            "users",
            "groups",
            "conditions",
            "validations",
            "defaultPolicy",
            "anonymousPolicy",
        ];
        let Value::Object(members) = value else {
            if let Value::Array(items) = value {
                for (index, item) in items.iter().enumerate() {
                    places(item, &format!("{at}/{index}"), into);
                }
            }
            return;
        };
        for (name, value) in members {
            let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            if at.is_empty() && name == "tests" {
                continue;
            }
            if let (true, Value::Array(items)) = (LISTS.contains(&name.as_str()), value) {
                into.extend((0..items.len()).map(|index| format!("{place}/{index}")));
            }
            places(value, &place, into);
        }
    }

    /// The tests of each policy notice what is taken out of it, so that they are worth something.
    #[test]
    fn each_policy_is_fine_and_its_tests_notice_what_is_missing() {
        let (mut mutants, mut survivors) = (0, Vec::new());
        for kind in Kind::value_variants() {
            let document = document(*kind);
            assert_eq!(failures(&document), Some((Vec::new(), 0)), "{kind:?}");
            let mut all = Vec::new();
            places(&document, "", &mut all);
            for place in all {
                let mut mutant = document.clone();
                let (list, index) = place.rsplit_once('/').unwrap();
                let list = mutant.pointer_mut(list).unwrap().as_array_mut().unwrap();
                list.remove(index.parse().unwrap());
                mutants += 1;
                // One that is refused is noticed, too.
                if failures(&mutant).is_some_and(|(failures, _)| failures.is_empty()) {
                    survivors.push(format!("{kind:?} {place}"));
                }
            }
        }
        assert!(mutants > 70, "{mutants}");
        assert!(
            survivors.len() * 20 <= mutants,
            "{} of {mutants}: {survivors:#?}",
            survivors.len()
        );
    }
}
