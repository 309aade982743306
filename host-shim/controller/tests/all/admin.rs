//! Whoever rules the cluster: makes and reads objects.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::BodyExt as _;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use kube::Client;
use kube::client::Body;
use registry_auth_controller::kubeconfig;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The header field of requests that the stub answers always, and does not record.
pub(crate) const ADMIN: &str = "x-administrator";
/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
/// How long is waited for something that must not happen.
pub(crate) const WHILE: Duration = Duration::from_millis(700);

/// The administrator.
#[derive(Clone)]
pub(crate) struct Admin {
    client: Client,
}

/// A Secret for tests.
pub(crate) struct PullSecret {
    /// The whole object.
    pub(crate) object: Value,
    /// Its member `auths`.
    pub(crate) auths: Value,
}

impl Admin {
    /// Reaches the cluster of a kubeconfig.
    pub(crate) async fn of(file: &Path) -> Result<Self> {
        let client = kubeconfig::cluster(Some(file)).await?.client;
        Ok(Self { client })
    }

    /// Sends a request, and returns status and answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        body: String,
    ) -> Result<(u16, Value)> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(CONTENT_TYPE, kind).header(ADMIN, "1");
        let request = request.body(Body::from(body.into_bytes()))?;
        let response = self.client.send(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Makes an object.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self
            .send(Method::POST, path, "application/json", body.to_string())
            .await?;
        ensure!(status < 300, "POST {path}: {status} {answer}");
        Ok(answer)
    }

    /// Changes an object (JSON merge patch).
    pub(crate) async fn change(&self, path: &str, members: &Value) -> Result<Value> {
        let kind = "application/merge-patch+json";
        let (status, answer) = self
            .send(Method::PATCH, path, kind, members.to_string())
            .await?;
        ensure!(status < 300, "PATCH {path}: {status} {answer}");
        Ok(answer)
    }

    /// Reads an object, if it is there.
    pub(crate) async fn read(&self, path: &str) -> Result<Option<Value>> {
        let (status, answer) = self.send(Method::GET, path, "", String::new()).await?;
        ensure!(
            status == 200 || status == 404,
            "GET {path}: {status} {answer}"
        );
        Ok((status == 200).then_some(answer))
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, path: &str) -> Result<()> {
        let (status, answer) = self.send(Method::DELETE, path, "", String::new()).await?;
        ensure!(status < 300, "DELETE {path}: {status} {answer}");
        Ok(())
    }

    /// Makes a namespace.
    pub(crate) async fn namespace(&self, name: &str, labels: Value) -> Result<()> {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
        self.create("/api/v1/namespaces", &body).await.map(drop)
    }

    /// Makes a service account; `more` has labels and annotations, and `pull` what it lists already.
    pub(crate) async fn account(
        &self,
        namespace: &str,
        name: &str,
        more: Value,
        pull: Value,
    ) -> Result<Value> {
        let mut body = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}, "imagePullSecrets": pull,
        });
        for member in ["labels", "annotations"] {
            body["metadata"][member] = more[member].clone();
        }
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
        self.create(&path, &body).await
    }

    /// Returns the pull secret of an account, if it is there.
    pub(crate) async fn pull_secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<PullSecret>> {
        let Some(object) = self.read(&secret(namespace, name)).await? else {
            return Ok(None);
        };
        let content = object["data"][".dockerconfigjson"].as_str();
        let content = STANDARD.decode(content.context("no content")?)?;
        let content: Value = serde_json::from_slice(&content)?;
        Ok(Some(PullSecret {
            auths: content["auths"].clone(),
            object,
        }))
    }

    /// Waits for a pull secret that has tokens.
    pub(crate) async fn filled(&self, namespace: &str, name: &str) -> Result<PullSecret> {
        let what = format!("a pull secret {namespace}/{name}");
        eventually(&what, async || {
            let found = self.pull_secret(namespace, name).await?;
            Ok(found.filter(|found| found.auths != json!({})))
        })
        .await
    }

    /// Waits for an event about an object of this name, and returns its note.
    pub(crate) async fn event(&self, namespace: &str, name: &str, reason: &str) -> Result<String> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
        eventually(
            &format!("an event {reason} about {namespace}/{name}"),
            async || {
                let events = self.read(&path).await?.unwrap_or_default();
                let mut events = events["items"].as_array().into_iter().flatten();
                let found = events
                    .find(|event| event["regarding"]["name"] == name && event["reason"] == reason);
                Ok(found.and_then(|event| event["note"].as_str().map(str::to_owned)))
            },
        )
        .await
    }

    /// Waits until an account lists exactly these.
    pub(crate) async fn lists(&self, namespace: &str, name: &str, expected: &[&str]) -> Result<()> {
        let path = account(namespace, name);
        eventually(
            &format!("imagePullSecrets {expected:?} of {name}"),
            async || {
                let found = self.read(&path).await?.context("no account")?;
                let listed = found["imagePullSecrets"].as_array().into_iter().flatten();
                let listed: Vec<_> = listed.filter_map(|entry| entry["name"].as_str()).collect();
                Ok((listed == expected).then_some(()))
            },
        )
        .await
    }
}

/// Returns the path of a service account.
pub(crate) fn account(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
}

/// Returns the path of a Secret.
pub(crate) fn secret(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/secrets/{name}")
}

/// Returns the claims of a token.
pub(crate) fn claims(token: &Value) -> Result<Value> {
    let text = token.as_str().context("no text")?;
    let part = text.split('.').nth(1).context("no token")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part)?)?)
}

/// Waits for something.
pub(crate) async fn eventually<T>(
    what: &str,
    check: impl AsyncFn() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "there was not {what}");
        sleep(PAUSE).await;
    }
}
