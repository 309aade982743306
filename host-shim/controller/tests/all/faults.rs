//! An API server that fails, in the ways that the real one does. With the stub only.

use std::time::Duration;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_controller::settings::Settings;
use registry_auth_harness::cluster::kubeconfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::admin::{Admin, WHILE, eventually};
use crate::running::{ARGO, Running, SYSTEM, settings};
use crate::stub::{Fault, Stub};

/// A stub with an account that is in, and what reaches it.
pub(crate) struct Scene {
    pub(crate) stub: Stub,
    pub(crate) admin: Admin,
    folder: TempDir,
}

impl Scene {
    pub(crate) async fn new() -> Result<Self> {
        let stub = Stub::start()?;
        let folder = TempDir::new()?;
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig::text(&stub.url(), None, None))?;
        let admin = Admin::of(&file).await?;
        for namespace in [SYSTEM, ARGO, "team"] {
            admin.namespace(namespace, json!({})).await?;
        }
        let label = json!({"labels": {"registry-auth.dev/pull-secret": "true"}});
        admin.account("team", "app", label, json!([])).await?;
        Ok(Self {
            stub,
            admin,
            folder,
        })
    }

    pub(crate) fn start(&self, identity: &str) -> Result<Running> {
        self.start_with(settings(identity)?)
    }

    pub(crate) fn start_with(&self, settings: Settings) -> Result<Running> {
        let file = self.folder.path().join("kubeconfig");
        Running::start(&file, settings)
    }
}

/// Returns how many failures are counted.
pub(crate) fn failures(running: &Running) -> Result<u64> {
    let text = running.status.metrics(0)?;
    let lines = text.lines();
    let counts = lines.filter(|line| line.starts_with("registry_auth_controller_failures_total"));
    counts
        .map(|line| Ok(line.rsplit(' ').next().unwrap_or_default().parse::<u64>()?))
        .sum()
}

fn token(claims: &Value) -> String {
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let header = URL_SAFE_NO_PAD.encode("{\"alg\":\"ES256\"}");
    json!({"status": {"token": format!("{header}.{claims}.c2ln")}}).to_string()
}

/// Faults that pass: the account gets its Secret all the same. What is said of it, if anything.
#[tokio::test]
async fn what_passes_is_tried_again() -> Result<()> {
    let status = |code, reason| Fault::Status(code, reason, None);
    let busy = || Fault::Status(429, "TooManyRequests", Some(1));
    let secret = "/secrets/registry-auth-app";
    let secrets = "/team/secrets?";
    let slow = || Fault::Slow(Duration::from_secs(3));
    let list = "/api/v1/serviceaccounts?";
    let lease = "/leases";
    let garbage = || Fault::Body(200, "{\"tops3cret\":".to_owned());
    let rows: [(&str, &'static str, &str, Fault, &str); 22] = [
        (
            "busy, reading",
            "GET",
            secret,
            busy(),
            "answered 429 TooManyRequests",
        ),
        ("busy, creating", "POST", secrets, busy(), "answered 429"),
        (
            "busy, a token",
            "POST",
            "/token",
            busy(),
            "cannot create a token: the API server answered 429",
        ),
        (
            "busy, writing",
            "PATCH",
            secret,
            busy(),
            "cannot write the Secret",
        ),
        (
            "busy, the account",
            "PATCH",
            "/serviceaccounts/app",
            busy(),
            "cannot change imagePullSecrets",
        ),
        (
            "a conflict, creating",
            "POST",
            secrets,
            status(409, "AlreadyExists"),
            "answered 409 AlreadyExists",
        ),
        (
            "a conflict, writing",
            "PATCH",
            secret,
            status(409, "Conflict"),
            "answered 409 Conflict",
        ),
        (
            "a conflict, the account",
            "PATCH",
            "/serviceaccounts/app",
            status(422, "Invalid"),
            "answered 422",
        ),
        (
            "an error, a token",
            "POST",
            "/token",
            status(500, "InternalError"),
            "answered 500 InternalError",
        ),
        (
            "a broken connection",
            "POST",
            "/token",
            Fault::Broken,
            "cannot be reached",
        ),
        (
            "slow, a token",
            "POST",
            "/token",
            slow(),
            "did not answer within 2 s",
        ),
        ("slow, a list", "GET", list, slow(), ""),
        (
            "no JSON",
            "POST",
            "/token",
            garbage(),
            "an answer that is not JSON",
        ),
        (
            "no JSON of a Secret",
            "GET",
            secret,
            garbage(),
            "an answer that is not JSON",
        ),
        ("no JSON of a list", "GET", list, garbage(), "cannot watch"),
        (
            "too long",
            "GET",
            secret,
            Fault::Body(200, " ".repeat(3 << 20)),
            "too long",
        ),
        ("gone, a list", "GET", list, status(410, "Expired"), ""),
        (
            "gone, a watch",
            "GET",
            "watch=true",
            status(410, "Expired"),
            "",
        ),
        (
            "forbidden, a watch",
            "GET",
            list,
            status(403, "Forbidden"),
            "cannot watch",
        ),
        (
            "busy, the Lease",
            "GET",
            lease,
            busy(),
            "cannot take the Lease",
        ),
        (
            "forbidden, the Lease",
            "POST",
            lease,
            status(403, "Forbidden"),
            "cannot take the Lease",
        ),
        (
            "a race for the Lease",
            "POST",
            lease,
            status(409, "AlreadyExists"),
            "",
        ),
    ];
    for (name, method, part, fault, said) in rows {
        let scene = Scene::new().await?;
        scene.stub.fail(method, part, 1, fault);
        let running = scene.start("one")?;
        scene.admin.filled("team", "registry-auth-app").await?;
        scene
            .admin
            .lists("team", "app", &["registry-auth-app"])
            .await?;
        eventually("a fault", async || {
            Ok((scene.stub.faults_left() == 0).then_some(()))
        })
        .await?;
        let log = running.stop()?;
        ensure!(log.contains(said), "{name}: {log}");
    }
    Ok(())
}

/// Faults that last: what the owner is shown, and that there is no Secret with a token.
#[tokio::test]
async fn what_lasts_is_shown_to_the_owner_once() -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let later = now.as_secs() + 3_600;
    let body = |claims: Value| Fault::Body(201, token(&claims));
    let forbidden = || Fault::Status(403, "Forbidden", None);
    let rows = [
        (
            "POST",
            "/token",
            forbidden(),
            "RequestRefused",
            "cannot create a token: the API server answered 403 Forbidden: a fault of the test; the rights of the controller are in the chart",
        ),
        (
            "GET",
            "/team/secrets/",
            forbidden(),
            "RequestRefused",
            "cannot read the Secret: ",
        ),
        (
            "POST",
            "/team/secrets?",
            forbidden(),
            "RequestRefused",
            "cannot create the Secret: ",
        ),
        (
            "PATCH",
            "/team/secrets/",
            forbidden(),
            "RequestRefused",
            "cannot write the Secret: ",
        ),
        (
            "POST",
            "/token",
            Fault::Status(401, "Unauthorized", None),
            "RequestRefused",
            "the token of the controller is not accepted",
        ),
        (
            "POST",
            "/token",
            body(json!({"aud": ["https://kubernetes.default.svc"], "exp": later})),
            "TokenRefused",
            "asked for a token with the audience `registry.test`: the token is for the audience `https://kubernetes.default.svc`",
        ),
        (
            "POST",
            "/token",
            Fault::Status(404, "NotFound", None),
            "RequestRefused",
            "cannot create a token of the service account team/app: the API server answered 404 NotFound: a fault of the test: it is missing",
        ),
        (
            "POST",
            "/token",
            body(json!({"aud": ["registry.test", "https://kubernetes.default.svc"], "exp": later})),
            "TokenRefused",
            "the token is for the audience `registry.test`, `https://kubernetes.default.svc`, and only one is wanted",
        ),
        (
            "POST",
            "/token",
            body(json!({"aud": ["registry.test", "second"], "exp": 1})),
            "TokenRefused",
            "it has ended, or ends too soon",
        ),
        (
            "POST",
            "/token",
            body(json!({"aud": ["registry.test", "second"]})),
            "TokenRefused",
            "has no `exp`",
        ),
        (
            "POST",
            "/token",
            Fault::Body(201, "{\"status\":{\"token\":\"tops3cret\"}}".to_owned()),
            "TokenRefused",
            "is not a JWT",
        ),
        (
            "POST",
            "/token",
            Fault::Body(201, "{}".to_owned()),
            "TokenRefused",
            "is not a JWT",
        ),
    ];
    for (method, part, fault, reason, expected) in rows {
        let scene = Scene::new().await?;
        scene.stub.fail(method, part, usize::MAX / 2, fault);
        let running = scene.start("one")?;
        let note = scene.admin.event("team", "app", reason).await?;
        ensure!(
            note.contains(expected) && !note.contains("tops3cret"),
            "{note}"
        );
        // It is tried again, and not reported again.
        let count = |method: &str, part: &str| {
            let requests = scene.stub.requests().into_iter();
            let tried = requests.filter(|one| one.starts_with(method) && one.contains(part));
            tried.count()
        };
        eventually("a third try", async || {
            Ok((count(method, part) >= 3).then_some(()))
        })
        .await?;
        ensure!(count("POST", "/apis/events.k8s.io") == 1);
        ensure!(failures(&running)? == 1, "{part}");
        let secret = scene.admin.pull_secret("team", "registry-auth-app").await;
        if let Ok(Some(secret)) = secret {
            ensure!(secret.auths == json!({}), "{part}");
        }
        running.stop()?;
    }
    Ok(())
}

#[tokio::test]
async fn changes_after_a_gap_are_seen() -> Result<()> {
    let scene = Scene::new().await?;
    let running = scene.start("one")?;
    scene.admin.filled("team", "registry-auth-app").await?;
    let label = json!({"labels": {"registry-auth.dev/pull-secret": "true"}});
    scene
        .admin
        .account("team", "second", label, json!([]))
        .await?;
    // Watches get 410, whether they have seen the account or not.
    scene.stub.compact();
    scene.admin.filled("team", "registry-auth-second").await?;
    running.stop().map(drop)
}

/// No more is asked for than what is needed, and the content of Secrets never.
#[tokio::test]
async fn nothing_is_asked_for_accounts_that_are_not_in() -> Result<()> {
    let scene = Scene::new().await?;
    for number in 0..200 {
        let name = format!("other-{number}");
        scene
            .admin
            .account("team", &name, json!({}), json!([]))
            .await?;
    }
    let before = scene.stub.requests().len();
    let running = scene.start("one")?;
    scene.admin.filled("team", "registry-auth-app").await?;
    scene
        .admin
        .lists("team", "app", &["registry-auth-app"])
        .await?;
    sleep(WHILE).await;
    running.stop()?;
    let requests = scene.stub.requests().split_off(before);
    let about = |part: &str| requests.iter().filter(|one| one.contains(part)).count();
    ensure!(about("other-") == 0, "{requests:?}");
    ensure!(
        about("POST /api/v1/namespaces/team/serviceaccounts/app/token") == 2,
        "{requests:?}"
    );
    Ok(())
}
