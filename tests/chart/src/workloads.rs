//! The examples for workloads are what their systems take.

use crate::programs::{KUBERNETES, path, run, succeed, tool};
use crate::schemas::objects_of;

const FOLDER: &str = "examples/workloads";
/// What has a schema of its own project.
const FOREIGN: &str = "OCIRepository";

#[test]
fn workflows_have_no_finding() {
    let mut command = tool("bin/actionlint");
    // Only what actionlint knows itself: other linters are not on each machine.
    command.args(["-shellcheck=", "-pyflakes=", "-no-color"]);
    command.arg(path(&format!("{FOLDER}/github-actions.yml")));
    succeed(&mut command);
}

/// A workflow that uses the action as it is here: an unknown or a missing input is a finding.
#[test]
fn inputs_of_the_action_are_those_of_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join(".github/workflows");
    std::fs::create_dir_all(&place).expect("a folder for workflows");
    let action = folder.path().join("actions/docker-login");
    std::fs::create_dir_all(&action).expect("a folder for the action");
    std::fs::copy(
        path("actions/docker-login/action.yml"),
        action.join("action.yml"),
    )
    .expect("a copy");
    let rows = [
        ("registry: registry.example.com", ""),
        (
            "registry: a.example.com, method: login, audience: b, username: c, program: d, version: e, sha256: f",
            "",
        ),
        ("method: login", "missing input \"registry\""),
        (
            "registry: a.example.com, registries: b",
            "input \"registries\" is not defined",
        ),
    ];
    for (inputs, expected) in rows {
        let workflow = format!(
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: ./actions/docker-login\n        with: {{ {inputs} }}\n"
        );
        std::fs::write(place.join("a.yml"), workflow).expect("a workflow");
        // The project is the folder that has `.git`.
        std::fs::create_dir_all(folder.path().join(".git")).expect("a folder");
        let mut command = tool("bin/actionlint");
        command
            .args(["-shellcheck=", "-pyflakes=", "-no-color"])
            .current_dir(folder.path());
        let output = run(&mut command);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            output.status.success(),
            expected.is_empty(),
            "{inputs}: {said}"
        );
        assert!(said.contains(expected), "{inputs}: {said}");
    }
}

#[test]
fn manifests_fit_the_schemas() {
    for (name, foreign) in [("flux", 1), ("argo-cd", 0)] {
        let file = format!("{FOLDER}/{name}.yaml");
        let mut command = tool("venv-chart/bin/kubernetes-validate");
        command.args(["--kubernetes-version", KUBERNETES, "--strict"]);
        command.arg(path(&file));
        let output = run(&mut command);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let fits = said.matches(" passed for resource ").count();
        let unknown = said.matches(&format!("for kind {FOREIGN} ")).count();
        assert_eq!(
            (fits, unknown),
            (objects_of(&file).len() - foreign, foreign),
            "{name}: {said}"
        );
    }
}
