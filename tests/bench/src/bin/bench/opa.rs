//! Open Policy Agent with a policy that decides as the configuration of the benchmark does.
//!
//! Envoy asks it by HTTP (`ext_authz`). OPA's own way to answer with a status is the policy for its interface,
//! `system.authz`: what that denies is answered with 401, and what it allows gets an empty document of the data.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::workload::{self, AUDIENCE, ISSUER};
use tempfile::TempDir;

use crate::companion::Running;

/// What Envoy puts in front of the path of a request: a document that does not exist, so that an allowed request
/// costs OPA as little as possible.
pub(crate) const PREFIX: &str = "/v1/data/decision";
/// Tokens that OPA remembers as verified; by default none.
const TOKENS: &str = "caching.inter_query_builtin_value_cache.named.io_jwt.max_num_entries=10000";

/// Starts the program at `path`.
///
/// # Errors
/// It does not start, or cannot read the policy.
pub(crate) fn start(path: &Path) -> Result<Running> {
    let folder = TempDir::with_prefix("registry-auth-opa-")?;
    let file = folder.path().join("policy.rego");
    fs::write(&file, policy(&workload::jwks()?.to_string()))?;
    let address = free_address()?;
    let mut command = Command::new(path);
    command.args(["run", "--server", "--skip-version-check"]);
    command
        .args(["--addr", &address.to_string()])
        .args(["--log-level", "error", "--authorization", "basic"])
        .args(["--set", TOKENS])
        .arg(&file);
    let mut program = Program::start("opa", &mut command, folder.path())?;
    program.wait(address, "/")?;
    Ok(Running::new(program, address, None, folder))
}

/// The policy: the issuer's token, the group of its namespace, a pattern of repositories, an action.
fn policy(jwks: &str) -> String {
    format!(
        r#"package system.authz

default allow := false

repositories := {{"team/**": {{"ns:team": {{"read", "create"}}}}}}

actions := {{"GET": "read", "HEAD": "read"}}

allow if {{
	array.slice(input.path, 0, 4) == ["v1", "data", "decision", "v2"]
	end := count(input.path) - 2
	input.path[end] == "manifests"
	repository := concat("/", array.slice(input.path, 4, end))
	some pattern, groups in repositories
	glob.match(pattern, ["/"], repository)
	group := concat("", ["ns:", claims["kubernetes.io"].namespace])
	actions[input.method] in groups[group]
}}

claims := payload if {{
	header := input.headers.Authorization[0]
	startswith(header, "Bearer ")
	token := substring(header, 7, -1)
	[verified, _, payload] := io.jwt.decode_verify(token, {{"cert": keys, "iss": "{ISSUER}", "aud": "{AUDIENCE}"}})
	verified
}}

keys := `{jwks}`
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_reads_the_path_behind_the_prefix_and_has_the_keys_as_they_are() {
        let text = policy(r#"{"keys": []}"#);
        let segments: Vec<_> = PREFIX
            .split('/')
            .skip(1)
            .map(|s| format!("{s:?}"))
            .collect();
        let prefix = format!("[{}, \"v2\"]", segments.join(", "));
        assert!(text.contains(&prefix), "{text}");
        assert!(text.contains("keys := `{\"keys\": []}`\n"), "{text}");
        assert!(!text.contains("{{"), "{text}");
    }
}
