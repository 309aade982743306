//! `/healthz`, `/readyz` and `/metrics`.

use anyhow::{Result, ensure};
use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::program::free_address;
use registry_auth_harness::server::Port;
use registry_auth_harness::upstream::Upstream;
use serde_json::json;

use super::fixture::{Run, Setup, open};

/// Each state in turn: nothing, the registry, then the keys of the issuer.
#[test]
fn ready_is_what_can_decide_and_forward() -> Result<()> {
    let (registry, issuer) = (free_address()?, free_address()?);
    let url = format!("http://{issuer}");
    let document = json!({
        "http": {
            "address": "127.0.0.1", "port": "0",
            "auth": {"bearer": {"oidc": [{"issuer": url, "audiences": ["a"], "keySource": "push"}]}},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
        },
    });
    let mut run = Run::start(&Setup {
        document: &document,
        upstream: registry,
        arguments: &[],
        environment: &[],
    })?;
    let says = |run: &mut Run, status: u16, expected: &[String]| -> Result<()> {
        let mut last = None;
        let pages = run.readiness()?;
        let mut seen = pages;
        let deadline = std::time::Instant::now() + super::fixture::PATIENCE;
        while (seen.0, seen.1.as_slice()) != (status, expected) {
            ensure!(
                std::time::Instant::now() < deadline,
                "{seen:?} instead of {status} {expected:?}"
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
            last = Some(seen);
            seen = run.readiness()?;
        }
        drop(last);
        Ok(())
    };
    let no_registry = "registry: it accepts no connection".to_owned();
    let no_keys = format!("oidc:{url}: no keys fetched yet");
    says(&mut run, 503, &[no_registry, no_keys.clone()])?;
    let healthy = run.page("/healthz")?;
    ensure!(healthy.status == 200, "{}", healthy.status);

    let _registry = Port::bind_at(registry)?;
    says(&mut run, 503, &[no_keys])?;
    let page: serde_json::Value = serde_json::from_slice(&run.page("/readyz")?.body)?;
    let member = |name: &str| page.pointer(&format!("/waiting/0/{name}")).cloned();
    ensure!(
        member("error") == Some(json!("unreachable")) && member("since").is_some(),
        "{page}"
    );

    let port = Port::bind_at(issuer)?;
    let _server =
        registry_auth_harness::issuer::Issuers(vec![Issuer::new(&url, &["rs256"])?]).serve(port)?;
    says(&mut run, 200, &[])
}

#[test]
fn the_metrics_of_both_processes_are_on_one_page() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = Run::start(&Setup {
        document: &open(&["read"]),
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })?;
    run.comes_to(200, &Request::new("GET", "/v2/a/tags/list"))?;
    let answer = run.page("/metrics")?;
    let kind = answer.header("content-type").unwrap_or_default();
    ensure!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = String::from_utf8(answer.body)?;
    for part in [
        "\nregistry_auth_run_configurations_total{outcome=\"accepted\"} 1\n",
        "# TYPE registry_auth_shim_fetches_total counter\n",
        "\nenvoy_server_live{} 1\n",
        "envoy_listener_manager_lds_update_success",
        "registry_auth",
    ] {
        ensure!(text.contains(part), "no `{part}` in\n{text}");
    }
    // Families once, and no line that the format does not have.
    let mut families: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("# TYPE "))
        .collect();
    let count = families.len();
    families.sort_unstable();
    families.dedup();
    ensure!(families.len() == count, "a family is there twice");
    ensure!(!text.contains("# EOF"), "the mark of another format");
    Ok(())
}

/// Each of two workers reads the configuration, and one of them warns.
#[test]
fn a_warning_of_the_filter_is_there_once() -> Result<()> {
    let upstream = Upstream::start()?;
    let document = json!({"http": {
        "address": "127.0.0.1", "port": "0",
        "auth": {"bearer": {"oidc": [{
            "issuer": "http://issuer.test", "audiences": ["a"], "keySource": "push",
        }]}},
    }});
    let run = Run::start(&Setup {
        document: &document,
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })?;
    let lines = run.log().with("configuration: http.accessControl")?;
    ensure!(lines.len() == 1, "{lines:?}");
    // The one of this program, about the issuer.
    let issuer = "is http: whoever is on the way";
    ensure!(run.log().with(issuer)?.len() == 1, "{}", run.log().text());
    Ok(())
}
