//! What the controller does, the same with the stub and with the real API server.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_auth_harness::cluster::{Cluster, kubeconfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::admin::{Admin, WHILE, account, claims, eventually, secret};
use crate::running::{ARGO, Running, SYSTEM, settings};
use crate::stub::Stub;
use crate::{namespaces, repositories};

pub(crate) const OPT_IN: &str = "registry-auth.dev/pull-secret";
const REGISTRIES: &str = "registry-auth.dev/registries";
const RENEW: &str = "registry-auth.dev/renew";
const EXPIRES: &str = "registry-auth.dev/expires";

#[tokio::test]
async fn with_the_stub() -> Result<()> {
    let stub = Stub::start()?;
    let folder = TempDir::new()?;
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig::text(&stub.url(), None, None))?;
    play(&file, &file).await
}

#[tokio::test]
async fn with_the_real_api_server() -> Result<()> {
    let Some(cluster) = Cluster::start()? else {
        return Ok(());
    };
    // The controller has the rights of the chart, and no others.
    let controller = cluster.controller()?;
    play(&cluster.admin(), &controller).await
}

/// Plays all scenes: `ruler` is the kubeconfig of the administrator.
async fn play(ruler: &Path, controller: &Path) -> Result<()> {
    let admin = Admin::of(ruler).await?;
    for namespace in [SYSTEM, ARGO] {
        if admin
            .read(&format!("/api/v1/namespaces/{namespace}"))
            .await?
            .is_none()
        {
            admin.namespace(namespace, json!({})).await?;
        }
    }
    admin
        .account(ARGO, "argocd-repo-server", json!({}), json!([]))
        .await?;
    let first = Running::start(controller, settings("first")?)?;
    if let Err(error) = scenes(&admin).await {
        return Err(error.context(first.stop()?));
    }
    let text = first.status.metrics(0)?;
    ensure!(text.contains("registry_auth_controller_leader 1"), "{text}");
    // A second one waits, and goes on where the first has stopped.
    let second = Running::start(controller, settings("second")?)?;
    sleep(WHILE).await;
    let log = first.stop()?;
    ensure!(log.contains("wrote tokens"), "{log}");
    admin.namespace("later", json!({OPT_IN: "true"})).await?;
    admin.account("later", "app", json!({}), json!([])).await?;
    admin.filled("later", "registry-auth-app").await?;
    let lease =
        format!("/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases/registry-auth-controller");
    let lease = admin.read(&lease).await?.unwrap_or_default();
    ensure!(lease["spec"]["holderIdentity"] == "second", "{lease}");
    // What is good is not written again.
    let log = second.stop()?;
    ensure!(!log.contains("namespace=\"first\""), "{log}");
    Ok(())
}

async fn scenes(admin: &Admin) -> Result<()> {
    an_account_gets_a_secret(admin)
        .await
        .context("an account gets a Secret")?;
    labels_decide(admin).await.context("labels decide")?;
    secrets_of_others(admin)
        .await
        .context("Secrets of others")?;
    wrong_annotations(admin)
        .await
        .context("wrong annotations")?;
    out_again(admin).await.context("out again")?;
    renewed(admin).await.context("renewed")?;
    long_names(admin).await.context("long names")?;
    repositories::written(admin).await.context("repositories")?;
    namespaces::ending(admin)
        .await
        .context("ending namespaces")?;
    Ok(())
}

async fn an_account_gets_a_secret(admin: &Admin) -> Result<()> {
    admin.namespace("first", json!({})).await?;
    let more = json!({"labels": {OPT_IN: "true"}});
    let made = admin
        .account("first", "app", more, json!([{"name": "other"}]))
        .await?;
    let found = admin.filled("first", "registry-auth-app").await?;
    let metadata = &found.object["metadata"];
    let expected = json!([{
        "apiVersion": "v1", "kind": "ServiceAccount", "name": "app", "uid": made["metadata"]["uid"],
    }]);
    ensure!(metadata["ownerReferences"] == expected, "{metadata}");
    ensure!(
        metadata["labels"]["app.kubernetes.io/managed-by"] == "registry-auth",
        "{metadata}"
    );
    ensure!(found.object["type"] == "kubernetes.io/dockerconfigjson");
    for (host, audience) in [
        ("registry.test", "registry.test"),
        ("other.test:5000", "second"),
    ] {
        let auth = &found.auths[host];
        ensure!(auth["username"] == "kubernetes", "{host}");
        let claims = claims(&auth["password"])?;
        ensure!(claims["aud"] == json!([audience]), "{claims}");
        let bound = &claims["kubernetes.io"]["secret"];
        ensure!(bound["uid"] == metadata["uid"], "{claims}");
        let pair = format!(
            "kubernetes:{}",
            auth["password"].as_str().unwrap_or_default()
        );
        ensure!(auth["auth"] == STANDARD.encode(pair));
    }
    // Entries of others stay.
    admin
        .lists("first", "app", &["other", "registry-auth-app"])
        .await
}

async fn labels_decide(admin: &Admin) -> Result<()> {
    admin.namespace("labels", json!({})).await?;
    let out = json!({"labels": {OPT_IN: "false"}});
    admin.account("labels", "in", json!({}), json!([])).await?;
    admin.account("labels", "out", out, json!([])).await?;
    sleep(WHILE).await;
    ensure!(
        admin
            .pull_secret("labels", "registry-auth-in")
            .await?
            .is_none()
    );
    let namespace = "/api/v1/namespaces/labels";
    admin
        .change(
            namespace,
            &json!({"metadata": {"labels": {OPT_IN: "true"}}}),
        )
        .await?;
    admin.filled("labels", "registry-auth-in").await?;
    ensure!(
        admin
            .pull_secret("labels", "registry-auth-out")
            .await?
            .is_none()
    );
    admin.lists("labels", "in", &["registry-auth-in"]).await
}

async fn secrets_of_others(admin: &Admin) -> Result<()> {
    admin.namespace("others", json!({})).await?;
    let ours = json!({"app.kubernetes.io/managed-by": "registry-auth"});
    let owner = |uid: &str| json!([{"apiVersion": "v1", "kind": "ServiceAccount", "name": "x", "uid": uid}]);
    // Without the label; with it, but of nobody, or of another account.
    let rows = [
        ("a", json!({}), json!([])),
        ("b", ours.clone(), json!([])),
        ("c", ours, owner("another")),
    ];
    for (name, labels, owners) in rows {
        let secret_name = format!("registry-auth-{name}");
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": secret_name, "labels": labels, "ownerReferences": owners},
            "data": {"key": "dG9wczNjcmV0"},
        });
        let made = admin
            .create("/api/v1/namespaces/others/secrets", &body)
            .await?;
        let more = json!({"labels": {OPT_IN: "true"}});
        admin.account("others", name, more, json!([])).await?;
        let note = admin.event("others", name, "SecretNotOurs").await?;
        ensure!(
            note.starts_with(&format!("{secret_name}: a Secret of this name")),
            "{note}"
        );
        let now = admin.read(&secret("others", &secret_name)).await?;
        ensure!(now.as_ref() == Some(&made), "{now:?}");
        admin.lists("others", name, &[]).await?;
    }
    // One of ours that somebody has made again with another type.
    let made = admin
        .account("others", "typed", json!({}), json!([]))
        .await?;
    let body = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {
            "name": "registry-auth-typed",
            "labels": {"app.kubernetes.io/managed-by": "registry-auth"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "ServiceAccount", "name": "typed", "uid": made["metadata"]["uid"]}],
        },
    });
    admin
        .create("/api/v1/namespaces/others/secrets", &body)
        .await?;
    let label = json!({"metadata": {"labels": {OPT_IN: "true"}}});
    admin.change(&account("others", "typed"), &label).await?;
    let note = admin.event("others", "typed", "SecretNotOurs").await?;
    ensure!(
        note.contains("another type than kubernetes.io/dockerconfigjson: delete it"),
        "{note}"
    );
    // Once it is gone the account gets its own.
    admin.delete(&secret("others", "registry-auth-a")).await?;
    let touched = json!({"metadata": {"annotations": {"touched": "1"}}});
    admin.change(&account("others", "a"), &touched).await?;
    admin.filled("others", "registry-auth-a").await.map(drop)
}

async fn wrong_annotations(admin: &Admin) -> Result<()> {
    admin.namespace("wrong", json!({})).await?;
    let user = "registry-auth.dev/username";
    let long = "a,".repeat(50_000);
    let rows = [
        (
            "a",
            json!({"labels": {OPT_IN: "yes"}}),
            "the label registry-auth.dev/pull-secret is `yes`",
        ),
        (
            "b",
            json!({"annotations": {REGISTRIES: "evil.test"}}),
            "names `evil.test`, which is not a registry",
        ),
        (
            "c",
            json!({"annotations": {REGISTRIES: "registry.test,https://kubernetes.default.svc"}}),
            "names `https://kubernetes.default.svc`",
        ),
        ("d", json!({"annotations": {REGISTRIES: " , "}}), "is empty"),
        (
            "e",
            json!({"annotations": {REGISTRIES: long}}),
            "has more than 4096 bytes",
        ),
        (
            "f",
            json!({"annotations": {REGISTRIES: "x\n\u{1b}[2J\",\"uid\":\"1"}}),
            r#"names `x\n\u{1b}[2J\"`"#,
        ),
        (
            "g",
            json!({"annotations": {user: "a:b"}}),
            "is not a user name",
        ),
        (
            "h",
            json!({"annotations": {user: "a\nb"}}),
            "is not a user name",
        ),
    ];
    for (name, mut more, expected) in rows {
        if more["labels"].is_null() {
            more["labels"] = json!({OPT_IN: "true"});
        }
        admin.account("wrong", name, more, json!([])).await?;
        let note = admin.event("wrong", name, "InvalidRequest").await?;
        ensure!(note.contains(expected), "{name}: {note}");
        ensure!(note.len() < 500, "{name}: {}", note.len());
        let secret = format!("registry-auth-{name}");
        ensure!(
            admin.pull_secret("wrong", &secret).await?.is_none(),
            "{name}"
        );
    }
    let fine = json!({"metadata": {"annotations": {REGISTRIES: "other.test:5000", user: "flux"}}});
    admin.change(&account("wrong", "b"), &fine).await?;
    let found = admin.filled("wrong", "registry-auth-b").await?;
    let hosts: Vec<_> = found.auths.as_object().into_iter().flatten().collect();
    ensure!(hosts.len() == 1 && hosts[0].0 == "other.test:5000");
    ensure!(hosts[0].1["username"] == "flux");
    Ok(())
}

async fn out_again(admin: &Admin) -> Result<()> {
    admin.namespace("out", json!({OPT_IN: "true"})).await?;
    let pull = json!([{"name": "before"}]);
    admin.account("out", "app", json!({}), pull).await?;
    admin.filled("out", "registry-auth-app").await?;
    admin
        .lists("out", "app", &["before", "registry-auth-app"])
        .await?;
    let out = json!({"metadata": {"labels": {OPT_IN: "false"}}});
    admin.change(&account("out", "app"), &out).await?;
    eventually("an empty Secret", async || {
        let found = admin.pull_secret("out", "registry-auth-app").await?;
        Ok(found.filter(|found| found.auths == json!({})))
    })
    .await?;
    admin.lists("out", "app", &["before"]).await?;
    let back = json!({"metadata": {"labels": {OPT_IN: null}}});
    admin.change(&account("out", "app"), &back).await?;
    admin.filled("out", "registry-auth-app").await?;
    admin
        .lists("out", "app", &["before", "registry-auth-app"])
        .await
}

async fn renewed(admin: &Admin) -> Result<()> {
    admin.namespace("renewed", json!({OPT_IN: "true"})).await?;
    admin
        .account("renewed", "app", json!({}), json!([]))
        .await?;
    let before = admin.filled("renewed", "registry-auth-app").await?;
    // Its time has come; and somebody has changed what is in it.
    let path = secret("renewed", "registry-auth-app");
    let changed = json!({
        "metadata": {"annotations": {RENEW: "2020-01-01T00:00:00Z"}},
        "data": {".dockerconfigjson": STANDARD.encode("{\"auths\":{}}"), "more": "bW9yZQ=="},
    });
    admin.change(&path, &changed).await?;
    let touched = json!({"metadata": {"annotations": {"touched": "1"}}});
    admin.change(&account("renewed", "app"), &touched).await?;
    let after = admin.filled("renewed", "registry-auth-app").await?;
    let uid = |object: &Value| object["metadata"]["uid"].clone();
    ensure!(uid(&before.object) == uid(&after.object));
    let times = |object: &Value| object["metadata"]["annotations"][RENEW].clone();
    ensure!(
        times(&after.object) != "2020-01-01T00:00:00Z",
        "{}",
        after.object["metadata"]
    );
    // What somebody has written comes back, whatever the annotations say; and no token lives for years.
    let theirs = STANDARD.encode("{\"auths\":{\"registry.test\":{\"auth\":\"bWluZQ==\"}}}");
    for (number, changed) in [
        json!({"data": {".dockerconfigjson": theirs}}),
        json!({"metadata": {"annotations": {RENEW: "2090-01-01T00:00:00Z", EXPIRES: "2099-01-01T00:00:00Z"}}}),
    ]
    .into_iter()
    .enumerate()
    {
        admin.change(&path, &changed).await?;
        let touched = json!({"metadata": {"annotations": {"touched": format!("again {number}")}}});
        admin.change(&account("renewed", "app"), &touched).await?;
        eventually("tokens of ours again", async || {
            let found = admin.pull_secret("renewed", "registry-auth-app").await?;
            let found = found.context("no Secret")?;
            let is_ours = !found.auths["registry.test"]["password"].is_null();
            let expires = &found.object["metadata"]["annotations"][EXPIRES];
            Ok((is_ours && *expires != "2099-01-01T00:00:00Z").then_some(()))
        })
        .await?;
    }
    // A Secret that is gone comes back, with another id.
    admin.delete(&path).await?;
    let touched = json!({"metadata": {"annotations": {"touched": "2"}}});
    admin.change(&account("renewed", "app"), &touched).await?;
    let last = admin.filled("renewed", "registry-auth-app").await?;
    ensure!(uid(&last.object) != uid(&before.object));
    Ok(())
}

async fn long_names(admin: &Admin) -> Result<()> {
    admin.namespace("long", json!({OPT_IN: "true"})).await?;
    let name = "a".repeat(253);
    admin.account("long", &name, json!({}), json!([])).await?;
    let secret = registry_auth_controller::names::secret_name(&name);
    ensure!(secret.len() == 253, "{secret}");
    admin.filled("long", &secret).await?;
    admin.lists("long", &name, &[&secret]).await
}
