//! A registry with a password behind the filter, which the filter sends and clients do not know.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use registry_auth_harness::callers::service_account;
use registry_auth_harness::client::{self, Request, Response};
use registry_auth_harness::distribution::{self, Release};
use registry_auth_harness::front::{Front, Realm};
use serde_json::json;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
/// The user of `REGISTRY_UPSTREAM_AUTHORIZATION`, as `htpasswd -nbB upstream secret` writes it.
const PASSWORDS: &str = "upstream:$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n";
const MANIFEST: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

fn front() -> Result<Front> {
    Front::start_with(
        Realm::Text,
        |folder| {
            let passwords = folder.join("htpasswd");
            fs::write(&passwords, PASSWORDS)?;
            let auth =
                json!({"auth": {"htpasswd": {"realm": "the registry's own", "path": passwords}}});
            distribution::start_with(Release::V3, &auth, folder)
        },
        |plugin| {
            let proxy = plugin["proxy"]
                .as_object_mut()
                .context("no section `proxy`")?;
            proxy.insert(
                "upstreamAuthorization".to_owned(),
                json!({"env": "REGISTRY_UPSTREAM_AUTHORIZATION"}),
            );
            // Distribution has a page without a password there, and requires one everywhere else.
            proxy.insert("publicPaths".to_owned(), json!(["/"]));
            Ok(())
        },
    )
}

fn send(front: &Front, token: Option<&str>, method: &str, target: &str) -> Result<Response> {
    let mut request = Request::new(method, target);
    if let Some(token) = token {
        request = request.header("authorization", &format!("Bearer {token}"));
    }
    if method == "PUT" {
        let media_type = "application/vnd.oci.image.index.v1+json";
        request = request
            .header("content-type", media_type)
            .body(MANIFEST.as_bytes().to_vec());
    }
    client::send(front.address(), &request, PATIENCE).with_context(|| front.logs())
}

#[test]
fn a_registry_with_a_password_serves_who_may_and_challenges_nobody_through_envoy() -> Outcome {
    let front = front()?;
    let [admin, ci, stranger] = [("registry", "admin"), ("team", "ci"), ("other", "ci")]
        .map(|(namespace, name)| service_account(namespace, name, "+1h"));
    let [admin, ci, stranger] = [admin?, ci?, stranger?];
    let rows: [(Option<&str>, &str, &str, u16); 13] = [
        // The login of every client.
        (Some(&ci), "GET", "/v2/", 200),
        (Some(&stranger), "GET", "/v2/", 200),
        (None, "GET", "/v2/", 401),
        // A granted request is forwarded with the password.
        (Some(&ci), "PUT", "/v2/team/app/manifests/v1", 201),
        (Some(&ci), "GET", "/v2/team/app/manifests/v1", 200),
        (Some(&ci), "GET", "/v2/team/app/tags/list", 200),
        (Some(&admin), "PUT", "/v2/public/app/manifests/v1", 201),
        (None, "GET", "/v2/public/app/manifests/v1", 200),
        (Some(&admin), "DELETE", "/v2/team/app/manifests/v1", 202),
        (Some(&ci), "GET", "/v2/_catalog", 200),
        // Any other request is not.
        (Some(&stranger), "GET", "/v2/team/app/manifests/v1", 403),
        (None, "GET", "/v2/team/app/manifests/v1", 401),
        (None, "GET", "/", 200),
    ];
    for (token, method, target, status) in rows {
        let answer = send(&front, token, method, target)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(
            answer.status,
            status,
            "{method} {target}: {text}\n{}",
            front.logs()
        );
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            !challenge.contains("the registry's own"),
            "{method} {target}: {challenge}"
        );
    }
    let pong = send(&front, Some(&ci), "GET", "/v2/")?;
    assert_eq!(
        pong.header("docker-distribution-api-version").as_deref(),
        Some("registry/2.0")
    );
    Ok(())
}
