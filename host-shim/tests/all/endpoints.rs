//! `registry-auth serve --listen`: the endpoints for operators.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use hyper::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::http::{self, Answer};
use crate::intake::{Intake, PUSH_KEY};
use crate::issuer::{Fault, Issuer, certificate};
use crate::issuers::configuration;
use crate::sample::{FIRST, SECOND};
use crate::shim::{Folder, Launch, Shim};

/// A shim with its endpoints.
pub(crate) struct Fixture {
    pub(crate) shim: Shim,
    authority: String,
}

impl Fixture {
    pub(crate) async fn start(configuration: &Value, intakes: &[&str]) -> anyhow::Result<Self> {
        let shim = Shim::launch(Launch {
            configuration,
            intakes,
            listen: Some("127.0.0.1:0"),
            ..Launch::default()
        })?;
        shim.says(&["the endpoints are listening"]).await?;
        let log = shim.log()?;
        let address = log
            .iter()
            .find_map(|line| line.get("address")?.as_str())
            .context("no address")?;
        let authority = address.to_owned();
        Ok(Self { shim, authority })
    }

    async fn get(&self, path: &str) -> anyhow::Result<Response<String>> {
        http::ask(&self.authority, "GET", path).await
    }

    /// Waits until `/readyz` responds with this status and these entries.
    pub(crate) async fn becomes(&self, status: u16, waiting: &Value) -> anyhow::Result<()> {
        let mut last = String::new();
        for _ in 0..600 {
            let answer = self.get("/readyz").await?;
            let body = without_failures(serde_json::from_str(answer.body())?);
            ensure!(
                answer.headers()["content-type"] == "application/json",
                "{answer:?}"
            );
            if answer.status() == status
                && body == json!({"ready": status == 200, "waiting": waiting})
            {
                return Ok(());
            }
            last.clone_from(answer.body());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("{status} {waiting} never came, last: {last}")
    }

    pub(crate) async fn metrics(&self) -> anyhow::Result<String> {
        let answer = self.get("/metrics").await?;
        ensure!(
            answer.headers()["content-type"]
                .to_str()?
                .starts_with("application/openmetrics-text"),
            "{answer:?}"
        );
        let text = answer.into_body();
        for secret in [PUSH_KEY, "tops3cret", "kty", "test-aws-secret"] {
            ensure!(!text.contains(secret), "`{secret}` is in {text}");
        }
        Ok(text)
    }
}

/// Leaves out what the fetches of the moment have failed with.
fn without_failures(mut page: Value) -> Value {
    let entries = page
        .get_mut("waiting")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten();
    for entry in entries.filter_map(Value::as_object_mut) {
        let since = entry.remove("since");
        assert_eq!(since.is_some(), entry.remove("error").is_some());
        assert!(since.is_none_or(|since| since.as_str().is_some_and(|since| since.ends_with('Z'))));
    }
    page
}

/// Returns the value of a sample.
fn value(metrics: &str, sample: &str) -> Option<f64> {
    metrics
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
}

#[tokio::test]
async fn the_shim_is_ready_when_every_source_has_keys_and_every_envoy_holds_them() {
    let [late, good] = [
        Issuer::start().await.unwrap(),
        Issuer::start().await.unwrap(),
    ];
    for issuer in [&late, &good] {
        issuer.publish(&[("a", FIRST), ("b", SECOND)]).unwrap();
        issuer.add(json!({"kty": "oct", "k": "tops3cret", "kid": "shared"}));
    }
    late.fault(Some(Fault::Both(Answer {
        after: Duration::from_mins(5),
        ..Answer::default()
    })));
    let folder = Folder::new().unwrap();
    let token = folder.write("token", "tops3cret").unwrap();
    let members = json!({"certificateAuthorityFile": certificate("issuer-ca"), "tokenFile": token});
    let socket = folder.path("intake.sock");
    let (tcp, unix) = (Intake::tcp().await.unwrap(), Intake::unix(&socket).unwrap());
    let unix_url = format!("unix://{}", socket.display());
    let entries = [late.entry(&members), good.entry(&members)];
    // The same intake is given twice.
    let intakes = [tcp.url(), &unix_url, unix.url()];
    let fixture = Fixture::start(&configuration(&entries), &intakes)
        .await
        .unwrap();

    fixture
        .becomes(
            503,
            &json!([{"source": late.set(), "reason": "no keys fetched yet"}]),
        )
        .await
        .unwrap();
    assert_eq!(fixture.get("/healthz").await.unwrap().status(), 200);
    assert_eq!(
        value(
            &fixture.metrics().await.unwrap(),
            &format!(
                "registry_auth_shim_source_age_seconds{{set=\"{}\"}}",
                late.set()
            )
        ),
        None
    );
    late.fault(None);
    fixture.becomes(200, &json!([])).await.unwrap();
    for intake in [&tcp, &unix] {
        for issuer in [&late, &good] {
            intake.holds_in(&issuer.set(), &["a", "b"]).await.unwrap();
        }
    }

    let metrics = fixture.metrics().await.unwrap();
    let set = format!("set=\"{}\"", late.set());
    let of = |family: &str, labels: &str| {
        value(
            &metrics,
            &format!("registry_auth_shim_{family}{{{labels}}}"),
        )
    };
    assert!(
        of("source_age_seconds", &set).is_some_and(|age| age >= 0.0),
        "{metrics}"
    );
    assert_eq!(of("source_keys", &set), Some(2.0), "{metrics}");
    assert_eq!(of("source_skipped_entries", &set), Some(1.0), "{metrics}");
    assert_eq!(
        of("fetches_total", &format!("{set},outcome=\"success\"")),
        Some(1.0),
        "{metrics}"
    );
    assert!(
        of("fetches_total", &format!("{set},outcome=\"timeout\"")) >= Some(1.0),
        "{metrics}"
    );
    for intake in [&tcp, &unix] {
        let feed = format!("envoy=\"{}\",{set}", intake.url());
        assert_eq!(of("envoy_up", &feed), Some(1.0), "{metrics}");
        assert_eq!(
            of("pushes_total", &format!("{feed},outcome=\"stored\"")),
            Some(1.0),
            "{metrics}"
        );
        let generation = of("source_generation", &set);
        assert!(
            generation > Some(0.0) && of("envoy_generation", &feed) == generation,
            "{metrics}"
        );
    }

    // An Envoy that is down is listed once per set; one that comes back gets its keys.
    drop(unix);
    let gone = |issuer: &Issuer| {
        let envoy = format!("unix:{}", socket.display());
        json!({"source": issuer.set(), "envoy": envoy, "reason": "no valid response from the intake"})
    };
    let mut waiting = [gone(&late), gone(&good)];
    waiting.sort_by_key(|entry| entry["source"].to_string());
    fixture.becomes(503, &json!(waiting)).await.unwrap();
    let feed = format!(
        "registry_auth_shim_envoy_up{{envoy=\"unix:{}\",{set}}}",
        socket.display()
    );
    assert_eq!(value(&fixture.metrics().await.unwrap(), &feed), Some(0.0));
    let unix = Intake::unix(&socket).unwrap();
    fixture.becomes(200, &json!([])).await.unwrap();
    unix.holds_in(&good.set(), &["a", "b"]).await.unwrap();
    assert_eq!(fixture.shim.end("TERM").await.unwrap(), Some(0));
}

#[tokio::test]
async fn keys_that_are_too_old_are_named() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    let members = json!({"certificateAuthorityFile": certificate("issuer-ca"), "maxStale": "2s"});
    let intake = Intake::tcp().await.unwrap();
    let fixture = Fixture::start(&configuration(&[issuer.entry(&members)]), &[intake.url()])
        .await
        .unwrap();
    fixture.becomes(200, &json!([])).await.unwrap();
    issuer.fault(Some(Fault::Both((500, String::new()).into())));
    let old = json!([{"source": issuer.set(), "reason": "the keys are older than maxStale"}]);
    fixture.becomes(503, &old).await.unwrap();
    // The kind of the last failure, and nothing that the source has said.
    let page: Value = serde_json::from_str(fixture.get("/readyz").await.unwrap().body()).unwrap();
    assert_eq!(page["waiting"][0]["error"], "refused", "{page}");
    assert!(page["waiting"][0]["since"].is_string(), "{page}");
    let metrics = fixture.metrics().await.unwrap();
    for (family, expected) in [("source_keys", 0.0), ("source_generation", 0.0)] {
        let sample = format!("registry_auth_shim_{family}{{set=\"{}\"}}", issuer.set());
        assert_eq!(value(&metrics, &sample), Some(expected), "{metrics}");
    }
    issuer.fault(None);
    fixture.becomes(200, &json!([])).await.unwrap();
}

#[tokio::test]
async fn an_envoy_that_refuses_the_keys_is_named() {
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    let intake = Intake::tcp().await.unwrap();
    let members = json!({"certificateAuthorityFile": certificate("issuer-ca")});
    let configuration = configuration(&[issuer.entry(&members)]);
    let launch = Launch {
        configuration: &configuration,
        intakes: &[intake.url()],
        push_key: "another-push-key-0123456789abcdef",
        listen: Some("127.0.0.1:0"),
        ..Launch::default()
    };
    let shim = Shim::launch(launch).unwrap();
    shim.says(&["status 401: the push keys differ"])
        .await
        .unwrap();
    let log = shim.log().unwrap();
    let authority = log
        .iter()
        .find_map(|line| line.get("address")?.as_str())
        .unwrap()
        .to_owned();
    let fixture = Fixture { shim, authority };
    let reason = "no valid response from the intake";
    fixture
        .becomes(
            503,
            &json!([{"source": issuer.set(), "envoy": intake.url(), "reason": reason}]),
        )
        .await
        .unwrap();
    let metrics = fixture.metrics().await.unwrap();
    let sample = format!(
        "registry_auth_shim_envoy_up{{envoy=\"{}\",set=\"{}\"}}",
        intake.url(),
        issuer.set()
    );
    assert_eq!(value(&metrics, &sample), Some(0.0), "{metrics}");
    assert!(
        !metrics.contains("registry_auth_shim_pushes_total{"),
        "nothing is sent to it: {metrics}"
    );
}

#[tokio::test]
async fn nothing_but_the_three_pages_is_answered_and_only_get() {
    let issuer = Issuer::start().await.unwrap();
    let members = json!({"certificateAuthorityFile": certificate("issuer-ca")});
    let intake = Intake::tcp().await.unwrap();
    let fixture = Fixture::start(&configuration(&[issuer.entry(&members)]), &[intake.url()])
        .await
        .unwrap();
    let rows = [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/healthz?verbose", 200),
        ("GET", "/metrics", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/readyz", 503),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/", 404),
        ("POST", "/healthz", 405),
        ("PUT", "/metrics", 405),
        ("DELETE", "/readyz", 405),
    ];
    for (method, path, status) in rows {
        let answer = http::ask(&fixture.authority, method, path).await.unwrap();
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(
            answer.headers().contains_key("allow"),
            status == 405,
            "{method} {path}"
        );
        assert_eq!(
            answer.body().is_empty(),
            method == "HEAD",
            "{method} {path}"
        );
    }
}

/// More half-open requests than connections are served at a time.
#[tokio::test]
async fn requests_without_an_end_do_not_block_others() {
    let issuer = Issuer::start().await.unwrap();
    let members = json!({"certificateAuthorityFile": certificate("issuer-ca")});
    let intake = Intake::tcp().await.unwrap();
    let fixture = Fixture::start(&configuration(&[issuer.entry(&members)]), &[intake.url()])
        .await
        .unwrap();
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = tokio::net::TcpStream::connect(&fixture.authority)
            .await
            .unwrap();
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nhost:")
            .await
            .unwrap();
        silent.push(stream);
    }
    // Less than such a connection may last.
    let answer = tokio::time::timeout(Duration::from_secs(8), fixture.get("/healthz"));
    assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    // They are all ended: the head has not come, or others needed their place.
    for mut stream in silent {
        let mut rest = Vec::new();
        // An error is an end too.
        drop(stream.read_to_end(&mut rest).await);
    }
}
