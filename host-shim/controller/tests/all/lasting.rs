//! What lasts, or happens while nobody looks. With the stub only.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::admin::{account, eventually, secret};
use crate::faults::{Scene, failures};
use crate::repositories;
use crate::running::{ARGO, settings};
use crate::stub::Fault;

/// The account of Argo CD is not there: the Secret shows it, and it is one failure.
#[tokio::test]
async fn an_account_of_argo_cd_that_is_missing_is_shown() -> Result<()> {
    let scene = Scene::new().await?;
    repositories::make_sample(&scene.admin).await?;
    let running = scene.start("one")?;
    let note = scene
        .admin
        .event(ARGO, "team-app", "RequestRefused")
        .await?;
    let expected = "cannot create a token of the service account argocd/argocd-repo-server: the API server answered 404 NotFound";
    ensure!(note.contains(expected), "{note}");
    scene.admin.filled("team", "registry-auth-app").await?;
    ensure!(failures(&running)? == 1);
    let log = running.stop()?;
    ensure!(log.matches(expected).count() == 1, "{log}");
    Ok(())
}

/// A watch that fails for long: one line and one failure for each reason.
#[tokio::test]
async fn a_watch_that_fails_is_logged_once_for_each_change() -> Result<()> {
    let scene = Scene::new().await?;
    let list = "/api/v1/serviceaccounts?";
    let text = "tops3cret eyJhbGciOiJub25lIn0.e30.c2ln".to_owned();
    scene
        .stub
        .fail("GET", list, 2, Fault::Body(429, String::new()));
    scene.stub.fail(
        "GET",
        list,
        2,
        Fault::Body(200, format!("{{\"items\": [\"{text}\"]}}")),
    );
    scene
        .stub
        .fail("GET", list, 1, Fault::Status(403, "Forbidden", None));
    let running = scene.start("one")?;
    scene.admin.filled("team", "registry-auth-app").await?;
    ensure!(failures(&running)? == 3);
    let log = running.stop()?;
    for expected in [
        "cannot watch: the API server answered 429 Too Many Requests",
        "cannot watch: the API server gave an answer that is not what was asked for",
        "cannot watch: the API server answered 403 Forbidden: a fault of the test",
    ] {
        ensure!(log.matches(expected).count() == 1, "{expected}: {log}");
    }
    Ok(())
}

/// A namespace with another label than `true` and `false` is said once for each of its values, whatever else of it changes.
#[tokio::test]
async fn a_label_of_a_namespace_is_said_once_for_each_change() -> Result<()> {
    let scene = Scene::new().await?;
    let admin = &scene.admin;
    let path = "/api/v1/namespaces/odd";
    let label =
        |value: &str| json!({"metadata": {"labels": {"registry-auth.dev/pull-secret": value}}});
    admin
        .namespace("odd", json!({"registry-auth.dev/pull-secret": "yes"}))
        .await?;
    admin.account("odd", "app", json!({}), json!([])).await?;
    let running = scene.start("one")?;
    admin.filled("team", "registry-auth-app").await?;
    for number in 0..3 {
        let other = json!({"metadata": {"annotations": {"other": number.to_string()}}});
        admin.change(path, &other).await?;
    }
    admin.change(path, &label("no")).await?;
    eventually("the second line", async || {
        Ok(running.log()?.contains("is `no`").then_some(()))
    })
    .await?;
    let lists = || {
        let requests = scene.stub.requests();
        let lists = requests
            .iter()
            .filter(|one| one.contains("/api/v1/namespaces?&limit="));
        lists.count()
    };
    let before = lists();
    scene.stub.compact();
    eventually(
        "another list",
        async || Ok((lists() > before).then_some(())),
    )
    .await?;
    admin.change(path, &label("true")).await?;
    admin.filled("odd", "registry-auth-app").await?;
    let log = running.stop()?;
    ensure!(log.matches("is `yes`: write").count() == 1, "{log}");
    ensure!(log.matches("is `no`: write").count() == 1, "{log}");
    Ok(())
}

/// A repository Secret that asks no longer when it is read gets no token, whatever the list has shown.
#[tokio::test]
async fn a_label_that_goes_between_list_and_read_counts() -> Result<()> {
    let scene = Scene::new().await?;
    let admin = &scene.admin;
    admin
        .account(ARGO, "argocd-repo-server", json!({}), json!([]))
        .await?;
    repositories::make_sample(admin).await?;
    let slow = Fault::Slow(Duration::from_secs(1));
    scene.stub.fail("GET", "/secrets/team-app", 1, slow);
    let running = scene.start("one")?;
    eventually("a question for the Secret", async || {
        Ok((scene.stub.faults_left() == 0).then_some(()))
    })
    .await?;
    let out = json!({"metadata": {"labels": {"registry-auth.dev/pull-secret": null}}});
    admin.change(&secret(ARGO, "team-app"), &out).await?;
    let lists = || {
        let requests = scene.stub.requests();
        let lists = requests
            .iter()
            .filter(|one| one.contains("/argocd/secrets?"));
        lists.count()
    };
    let before = lists();
    eventually("other lists", async || {
        Ok((lists() > before + 4).then_some(()))
    })
    .await?;
    let requests = scene.stub.requests();
    let asked = requests
        .iter()
        .any(|one| one.contains("/argocd-repo-server/token"));
    ensure!(!asked, "{requests:?}");
    ensure!(failures(&running)? == 0);
    running.stop().map(drop)
}

/// Who opts out while nobody leads, and is in no list of pull secrets.
#[tokio::test]
async fn what_opted_out_before_a_start_is_emptied() -> Result<()> {
    let scene = Scene::new().await?;
    let admin = &scene.admin;
    admin
        .account(ARGO, "argocd-repo-server", json!({}), json!([]))
        .await?;
    repositories::make_sample(admin).await?;
    let start = |identity: &str| {
        let mut settings = settings(identity)?;
        settings.patch_accounts = false;
        scene.start_with(settings)
    };
    let first = start("first")?;
    admin.filled("team", "registry-auth-app").await?;
    let argo = secret(ARGO, "team-app");
    eventually("a token", async || {
        let found = admin.read(&argo).await?.unwrap_or_default();
        Ok((!found["data"]["password"].is_null()).then_some(()))
    })
    .await?;
    first.stop()?;
    let out = json!({"metadata": {"labels": {"registry-auth.dev/pull-secret": null}}});
    admin.change(&account("team", "app"), &out).await?;
    admin.change(&argo, &out).await?;
    let second = start("second")?;
    repositories::emptied(admin, "team-app").await?;
    eventually("an empty Secret", async || {
        let found = admin.pull_secret("team", "registry-auth-app").await?;
        Ok(found.filter(|found| found.auths == json!({})).map(drop))
    })
    .await?;
    second.stop().map(drop)
}

/// Accounts with a megabyte each: a list is read in pieces, and of each little is kept.
#[tokio::test]
async fn large_accounts_are_read_a_few_at_a_time() -> Result<()> {
    let scene = Scene::new().await?;
    let long = (0..20).map(|one| json!({"name": format!("{one}{}", "x".repeat(50_000))}));
    let long: Vec<_> = long.collect();
    for number in 0..40 {
        let name = format!("large-{number}");
        scene
            .admin
            .account("team", &name, json!({}), json!(long))
            .await?;
    }
    let running = scene.start("one")?;
    scene.admin.filled("team", "registry-auth-app").await?;
    running.stop()?;
    let longest = scene.stub.longest();
    ensure!((1 << 20..9 << 20).contains(&longest), "{longest}");
    let requests = scene.stub.requests();
    let pages = requests
        .iter()
        .filter(|one| one.contains("/serviceaccounts?") && one.contains("limit=8"));
    ensure!(pages.count() == 6, "{requests:?}");
    Ok(())
}

/// Names of which JSON makes six times as much: two objects are more than an answer may have.
#[tokio::test]
async fn objects_that_are_too_long_together_are_read_one_by_one() -> Result<()> {
    let scene = Scene::new().await?;
    let admin = &scene.admin;
    let brackets = "<".repeat(1_460_000);
    for number in 0..2 {
        let name = format!("long-{number}");
        let pull = json!([{"name": brackets}]);
        admin.account("team", &name, json!({}), pull).await?;
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {
                "name": name,
                "labels": {"app.kubernetes.io/managed-by": "registry-auth"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "ServiceAccount", "name": brackets, "uid": "u"}],
            },
        });
        let path = "/api/v1/namespaces/team/secrets";
        admin.create(path, &secret).await?;
    }
    // The stub takes long to write so much.
    let mut settings = settings("one")?;
    settings.timeout = Duration::from_secs(20);
    let running = scene.start_with(settings)?;
    admin.filled("team", "registry-auth-app").await?;
    let requests = eventually("the Secrets, one by one", async || {
        let requests = scene.stub.requests();
        let listed = requests
            .iter()
            .filter(|one| one.contains("/api/v1/secrets?"))
            .any(|one| !one.contains("limit=1") && one.contains("continue="));
        Ok(listed.then_some(requests))
    })
    .await?;
    for list in ["/api/v1/serviceaccounts?", "/api/v1/secrets?"] {
        let listed = requests.iter().filter(|one| one.contains(list));
        ensure!(listed.clone().any(|one| one.contains("limit=1")));
        ensure!(listed.filter(|one| one.contains("limit=8")).count() > 1);
    }
    let count = failures(&running)?;
    let log = running.stop()?;
    ensure!(count == 0, "{log}");
    ensure!(!log.contains("cannot "), "{log}");
    Ok(())
}

/// A leader that cannot renew ends before another begins.
#[tokio::test]
async fn a_leader_that_cannot_renew_ends() -> Result<()> {
    let scene = Scene::new().await?;
    let mut running = scene.start("one")?;
    scene.admin.filled("team", "registry-auth-app").await?;
    scene.stub.fail(
        "GET",
        "/leases/",
        usize::MAX / 2,
        Fault::Status(503, "ServiceUnavailable", None),
    );
    let ended = running.join()?;
    ensure!(ended.is_err_and(|reason| reason.contains("503")));
    ensure!(running.status.metrics(0)?.contains("_leader 0"));
    running.log().map(drop)
}
