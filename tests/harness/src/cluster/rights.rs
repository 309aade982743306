//! The rights that the chart gives to the controller.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Cluster, kubeconfig};
use crate::module;

/// What the chart makes of its values in `tests/chart/values/controller.yaml`.
const MANIFESTS: &str = "tests/chart/golden/controller.yaml";
/// Where objects of a kind are made; `{}` is the namespace.
const KINDS: [(&str, &str); 5] = [
    ("ServiceAccount", "/api/v1/namespaces/{}/serviceaccounts"),
    (
        "ClusterRole",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    ),
    (
        "ClusterRoleBinding",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    ),
    (
        "Role",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    ),
    (
        "RoleBinding",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    ),
];
/// The controller's account, in the namespace where the Lease is.
const NAME: &str = "registry-registry-auth-controller";

impl Cluster {
    /// The namespaces of the release, and of Argo CD.
    pub const NAMESPACES: [&'static str; 2] = ["registry", "argocd"];

    /// Makes the account of the controller with the rights of the chart, and no others; returns a
    /// kubeconfig with a token of it.
    ///
    /// # Errors
    /// The API server takes an object not.
    pub fn controller(&self) -> Result<PathBuf> {
        for name in Self::NAMESPACES {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.make("/api/v1/namespaces", "application/json", body.to_string())?;
        }
        let text = fs::read_to_string(module::workspace().join(MANIFESTS))?;
        let ours = text.split("\n---\n").filter(|one| {
            one.contains("templates/controller.yaml") && !one.contains("kind: Deployment")
        });
        let mut made = 0;
        for manifest in ours {
            let member = |name: &str| {
                let mut lines = manifest.lines();
                lines.find_map(|line| line.strip_prefix(name))
            };
            let kind = member("kind: ").context("no kind")?;
            let (_, path) = KINDS
                .iter()
                .find(|(known, _)| *known == kind)
                .context("another kind")?;
            let path = path.replace("{}", member("  namespace: ").unwrap_or_default());
            self.make(&path, "application/yaml", manifest.to_owned())?;
            made += 1;
        }
        ensure!(
            made == 7,
            "{MANIFESTS} has {made} objects for the controller"
        );
        let [namespace, _] = Self::NAMESPACES;
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{NAME}/token");
        let request =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let (_, answer) = self.request("POST", &path, Some(&request))?;
        let token = answer
            .pointer("/status/token")
            .and_then(|token| token.as_str());
        let token = token.with_context(|| format!("no token: {answer}"))?;
        let file = self.file("controller.kubeconfig");
        let text = kubeconfig::text(&self.url(), Some(&self.authority()), Some(token));
        fs::write(&file, text)?;
        Ok(file)
    }

    fn make(&self, path: &str, kind: &str, body: String) -> Result<()> {
        let (status, answer) = self.send("POST", path, Some((kind, body)))?;
        ensure!(status == 201, "POST {path}: {status} {answer}");
        Ok(())
    }
}
