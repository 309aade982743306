//! Repository Secrets of Argo CD, with the sample of the page.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::admin::{Admin, claims, eventually, secret};
use crate::running::ARGO;
use crate::scenarios::OPT_IN;

/// What asks gets a token, and what is not right an event.
pub(crate) async fn written(admin: &Admin) -> Result<()> {
    let labels = json!({OPT_IN: "true", "argocd.argoproj.io/secret-type": "repository"});
    let make = async |name: &str, labels: &Value, data: Value| {
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels}, "data": data,
        });
        let path = format!("/api/v1/namespaces/{ARGO}/secrets?fieldManager=kubectl");
        admin.create(&path, &body).await
    };
    let url = STANDARD.encode("oci://registry.test/team/app");
    let oci = STANDARD.encode("oci");
    let only = json!({OPT_IN: "true"});
    let prefix = json!({OPT_IN: "true", "argocd.argoproj.io/secret-type": "repo-creds"});
    let other = json!({"argocd.argoproj.io/secret-type": "repository"});
    let mut sample = sample()?;
    sample["metadata"]["name"] = "fine".into();
    admin
        .create(
            &format!("/api/v1/namespaces/{ARGO}/secrets?fieldManager=kubectl"),
            &sample,
        )
        .await?;
    make(
        "elsewhere",
        &labels,
        json!({"url": STANDARD.encode("evil.test/charts"), "type": oci}),
    )
    .await?;
    make(
        "prefix",
        &prefix,
        json!({"url": STANDARD.encode("oci://registry.test"), "type": oci}),
    )
    .await?;
    make("no-url", &labels, json!({})).await?;
    make("no-type", &only, json!({"url": url})).await?;
    make(
        "owned",
        &labels,
        json!({"url": url, "type": oci, "password": "bWluZQ=="}),
    )
    .await?;
    make(
        "plain",
        &labels,
        json!({"url": STANDARD.encode("http://registry.test/team"), "type": oci}),
    )
    .await?;
    make(
        "git",
        &labels,
        json!({"url": url, "type": STANDARD.encode("git")}),
    )
    .await?;
    let cluster = json!({OPT_IN: "true", "argocd.argoproj.io/secret-type": "cluster"});
    make("cluster", &cluster, json!({"url": url})).await?;
    let yes = json!({OPT_IN: "yes", "argocd.argoproj.io/secret-type": "repository"});
    make("yes", &yes, json!({"url": url, "type": oci})).await?;
    make(
        "not-in",
        &other,
        json!({"url": url, "password": "bWluZQ=="}),
    )
    .await?;
    let found = eventually("a repository with a token", async || {
        let found = admin.read(&secret(ARGO, "fine")).await?.unwrap_or_default();
        Ok((!found["data"]["password"].is_null()).then_some(found))
    })
    .await?;
    let text = |name: &str| -> Result<String> {
        let text = found["data"][name].as_str().context("no text")?;
        Ok(String::from_utf8(STANDARD.decode(text)?)?)
    };
    ensure!(text("username")? == "kubernetes" && text("type")? == "oci");
    let claims = claims(&Value::from(text("password")?))?;
    ensure!(claims["aud"] == json!(["registry.test"]), "{claims}");
    let account = &claims["kubernetes.io"]["serviceaccount"]["name"];
    ensure!(account == "argocd-repo-server", "{claims}");
    for (name, expected) in [
        (
            "elsewhere",
            "`evil.test` is not a registry of the controller",
        ),
        (
            "prefix",
            "`url` of a `repo-creds` needs a path after the host",
        ),
        ("no-url", "it has no `url`"),
        (
            "no-type",
            "the label argocd.argoproj.io/secret-type is missing",
        ),
        (
            "plain",
            "`url` has another scheme than `oci://` and `https://`",
        ),
        ("git", "only registries take the token: write `type: oci`"),
        (
            "cluster",
            "the label argocd.argoproj.io/secret-type is `cluster`, which has no use for a token",
        ),
        (
            "yes",
            "the label registry-auth.dev/pull-secret is `yes`: write \"true\" or",
        ),
        (
            "owned",
            "`username` or `password` is managed by somebody else",
        ),
    ] {
        let note = admin.event(ARGO, name, "InvalidRepository").await?;
        ensure!(note.contains(expected), "{name}: {note}");
    }
    for name in ["owned", "not-in"] {
        let found = admin.read(&secret(ARGO, name)).await?.unwrap_or_default();
        ensure!(found["data"]["password"] == "bWluZQ==", "{name}");
    }
    // One that changes its registry has no token of the one before, one without the label none at all.
    let elsewhere = json!({"data": {"url": STANDARD.encode("oci://evil.test/team")}});
    admin.change(&secret(ARGO, "fine"), &elsewhere).await?;
    admin.event(ARGO, "fine", "InvalidRepository").await?;
    emptied(admin, "fine").await?;
    let back = json!({"data": {"url": STANDARD.encode("oci://registry.test/team")}});
    admin.change(&secret(ARGO, "fine"), &back).await?;
    eventually("a token again", async || {
        let found = admin.read(&secret(ARGO, "fine")).await?.unwrap_or_default();
        Ok((!found["data"]["password"].is_null()).then_some(()))
    })
    .await?;
    let out = json!({"metadata": {"labels": {OPT_IN: null}}});
    admin.change(&secret(ARGO, "fine"), &out).await?;
    emptied(admin, "fine").await
}

/// Waits until a repository Secret has nothing of the controller, and all that was there before.
pub(crate) async fn emptied(admin: &Admin, name: &str) -> Result<()> {
    eventually("a repository Secret without a token", async || {
        let found = admin.read(&secret(ARGO, name)).await?.unwrap_or_default();
        let data = &found["data"];
        let is_empty = data["password"].is_null() && data["username"].is_null();
        let ours = &found["metadata"]["annotations"]["registry-auth.dev/spec"];
        let is_theirs = !data["url"].is_null() && !data["type"].is_null();
        Ok((is_empty && ours.is_null() && is_theirs).then_some(()))
    })
    .await
}

/// Makes the Secret of the page, which asks for a token.
pub(crate) async fn make_sample(admin: &Admin) -> Result<()> {
    let path = format!("/api/v1/namespaces/{ARGO}/secrets?fieldManager=kubectl");
    admin.create(&path, &sample()?).await.map(drop)
}

/// Returns the Secret of docs/controller.md, for the registry of these tests.
fn sample() -> Result<Value> {
    let page = include_str!("../../../../docs/controller.md");
    let mut blocks = page.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.contains("kind: Secret"));
    let block = block
        .and_then(|block| block.split("```").next())
        .context("no Secret")?;
    let block = block.replace("registry.example.com", "registry.test");
    let mut secret: Value = serde_saphyr::from_str(&block)?;
    // What the API server makes of `stringData`, and the stub does not.
    let texts = secret["stringData"].take();
    for (name, text) in texts.as_object().context("no stringData")? {
        secret["data"][name] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
    Ok(secret)
}
