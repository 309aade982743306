//! The manifests fit the schemas of Kubernetes; those of other projects have none there.

use serde_json::Value;

use crate::programs::{KUBERNETES, path, run, samples, tool};

/// Kinds whose schemas are those of Istio, Envoy Gateway and the Prometheus operator.
const FOREIGN: [&str; 7] = [
    "ServiceEntry",
    "DestinationRule",
    "WasmPlugin",
    "EnvoyPatchPolicy",
    "EnvoyExtensionPolicy",
    "ServiceMonitor",
    "PrometheusRule",
];

/// Returns the objects of kept manifests.
fn objects(sample: &str) -> Vec<Value> {
    objects_of(&format!("tests/chart/golden/{sample}.yaml"))
}

/// Returns the objects in a file.
pub(crate) fn objects_of(file: &str) -> Vec<Value> {
    let mut command = tool("venv-chart/bin/python");
    command.args(["-c", "import json,sys,yaml\nprint(json.dumps([o for o in yaml.safe_load_all(open(sys.argv[1])) if o]))"]);
    command.arg(path(file));
    let text = crate::programs::succeed(&mut command);
    serde_json::from_str(&text).expect("a list of objects")
}

#[test]
fn the_manifests_fit_the_schemas() {
    for sample in samples() {
        let mut command = tool("venv-chart/bin/kubernetes-validate");
        command.args(["--kubernetes-version", KUBERNETES, "--strict"]);
        command.arg(path(&format!("tests/chart/golden/{sample}.yaml")));
        let output = run(&mut command);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let (mut fits, mut unknown) = (0, 0);
        for line in said.lines() {
            fits += usize::from(line.contains(" passed for resource "));
            let is_foreign = FOREIGN
                .iter()
                .any(|kind| line.contains(&format!("for kind {kind} ")));
            unknown += usize::from(line.contains("Couldn't find schema") && is_foreign);
        }
        assert_eq!(fits + unknown, objects(&sample).len(), "{sample}: {said}");
        assert_eq!(said.lines().count(), fits + unknown, "{sample}: {said}");
    }
}

/// Every container, also of the patch for a sidecar's pods, has no more rights than it needs.
#[test]
fn containers_have_no_rights() {
    let mut seen = 0;
    for sample in samples() {
        for object in objects(&sample) {
            let patch = object.pointer("/data/patch.yaml").map(|_| patch(&sample));
            let object = patch.as_ref().unwrap_or(&object);
            let Some(pod) = object.pointer("/spec/template/spec") else {
                continue;
            };
            for list in ["containers", "initContainers"] {
                for container in pod[list].as_array().into_iter().flatten() {
                    seen += 1;
                    let context = &container["securityContext"];
                    assert_eq!(context["allowPrivilegeEscalation"], false, "{sample}");
                    assert_eq!(context["readOnlyRootFilesystem"], true, "{sample}");
                    assert_eq!(context["runAsNonRoot"], true, "{sample}");
                    assert_eq!(context["capabilities"]["drop"][0], "ALL", "{sample}");
                    assert_eq!(
                        context["seccompProfile"]["type"], "RuntimeDefault",
                        "{sample}"
                    );
                    assert!(context["capabilities"].get("add").is_none(), "{sample}");
                }
            }
            if object["kind"] == "Deployment" && patch.is_none() {
                assert_eq!(pod["automountServiceAccountToken"], false, "{sample}");
                // The controller has no policy that could be checked.
                let has_policy = pod["containers"][0]["args"][0] == "run";
                let checks = pod["initContainers"][0]["args"].as_array();
                let last = checks.and_then(|checks| checks.last()?.as_str());
                assert_eq!(last, has_policy.then_some("--check"), "{sample}");
            }
        }
    }
    assert!(seen >= 8, "{seen} containers");
}

fn patch(sample: &str) -> Value {
    let mut command = tool("venv-chart/bin/python");
    command.args(["-c", "import json,sys,yaml\nfor o in yaml.safe_load_all(open(sys.argv[1])):\n  if o and 'patch.yaml' in o.get('data',{}): print(json.dumps(yaml.safe_load(o['data']['patch.yaml'])))"]);
    command.arg(path(&format!("tests/chart/golden/{sample}.yaml")));
    serde_json::from_str(&crate::programs::succeed(&mut command)).expect("an object")
}
