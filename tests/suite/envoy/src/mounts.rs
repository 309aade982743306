//! Blobs of real registries: a client gets a blob only from repositories that it may read, in
//! whatever form it asks.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::callers::service_account;
use registry_auth_harness::client::{self, Request, Response};
use registry_auth_harness::distribution::{self, Release};
use registry_auth_harness::front::{Front, Realm};
use registry_auth_harness::upstream::sha256;
use serde_json::json;
use tempfile::TempDir;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
const BLOB: &[u8] = b"a blob that is somewhere else";
const FORM: &str = "application/x-www-form-urlencoded";
const PARTS: &str = "multipart/form-data; boundary=part";

/// Sends requests of one caller.
struct Caller {
    address: SocketAddr,
    token: Option<String>,
}

impl Caller {
    /// A service account, through the filter.
    fn of(front: &Front, namespace: &str, name: &str) -> Result<Self> {
        Ok(Self {
            address: front.address(),
            token: Some(service_account(namespace, name, "+1h")?),
        })
    }

    fn send(
        &self,
        method: &str,
        target: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<Response> {
        let mut request = Request::new(method, target).body(body.to_vec());
        if let Some(token) = &self.token {
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        client::send(self.address, &request, PATIENCE)
    }

    /// Uploads the blob, each request with this type.
    fn push(&self, repository: &str, digest: &str, media_type: Option<&str>) -> Result<()> {
        let begun = self.send(
            "POST",
            &format!("/v2/{repository}/blobs/uploads/"),
            media_type,
            b"",
        )?;
        let session = session(&begun)?;
        let chunk = self.send("PATCH", &session, media_type, BLOB)?;
        ensure!(chunk.status == 202, "the chunk ended with {}", chunk.status);
        let ended = self.send(
            "PUT",
            &format!("{}&digest={digest}", self::session(&chunk)?),
            media_type,
            b"",
        )?;
        ensure!(
            ended.status == 201,
            "the upload ended with {}",
            ended.status
        );
        Ok(())
    }

    /// The status of the blob in a repository.
    fn finds(&self, repository: &str, digest: &str) -> Result<u16> {
        Ok(self
            .send(
                "HEAD",
                &format!("/v2/{repository}/blobs/{digest}"),
                None,
                b"",
            )?
            .status)
    }
}

/// Returns the target for the next request of an upload, from a response.
fn session(answer: &Response) -> Result<String> {
    let location = answer
        .header("location")
        .with_context(|| format!("{}: the upload has no place", answer.status))?;
    location
        .split_once("/v2/")
        .map(|(_, rest)| format!("/v2/{rest}"))
        .context("no place of ours")
}

fn digest() -> String {
    format!("sha256:{}", sha256(BLOB))
}

/// Returns the installed releases; 2.8 is missing without apt, except when `CI` is set.
fn releases() -> Result<Vec<Release>> {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let mut here = Vec::new();
    for release in [Release::V2, Release::V3] {
        if release.is_here() {
            here.push(release);
        } else {
            ensure!(
                !in_ci,
                "Distribution {release:?} is missing: run `cargo xtask tools`"
            );
            eprintln!("SKIPPED: Distribution {release:?} is missing: run `cargo xtask tools`");
        }
    }
    Ok(here)
}

fn front(release: Release) -> Result<Front> {
    Front::start_with(
        Realm::Text,
        |folder| distribution::start_with(release, &json!({}), folder),
        |_| Ok(()),
    )
}

#[test]
fn a_mount_that_may_not_be_read_goes_on_as_a_plain_upload_through_envoy() -> Outcome {
    let front = Front::start(Realm::Text)?;
    let (admin, ci) = (
        Caller::of(&front, "registry", "admin")?,
        Caller::of(&front, "team", "ci")?,
    );
    // Everybody with a token may read `release`, and only administrators `private`.
    for repository in ["private/base", "release/base"] {
        admin.push(repository, &digest(), None)?;
    }
    let rows = [
        ("&from=private/base", 202, 404),
        ("", 202, 404),
        ("&from=release/base&from=private/base", 202, 404),
        ("&from=release/base", 201, 200),
    ];
    for (source, status, then) in rows {
        let target = format!("/v2/team/app/blobs/uploads/?mount={}{source}", digest());
        let mounted = ci.send("POST", &target, None, b"")?;
        assert_eq!(mounted.status, status, "{source}\n{}", front.logs());
        assert_eq!(ci.finds("team/app", &digest())?, then, "{source}");
    }
    Ok(())
}

/// Distribution reads `mount` and `from` from a form in the body before it reads the query.
#[test]
fn a_mount_in_a_form_is_a_plain_upload_through_envoy() -> Outcome {
    for release in releases()? {
        let front = front(release)?;
        let (admin, ci) = (
            Caller::of(&front, "registry", "admin")?,
            Caller::of(&front, "team", "ci")?,
        );
        admin.push("private/base", &digest(), None)?;
        let fields = format!("mount={}&from=private/base", digest());
        let parts: String = [("mount", digest()), ("from", "private/base".to_owned())]
            .map(|(name, value)| {
                format!(
                    "--part\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
                )
            })
            .concat();
        let parts = format!("{parts}--part--\r\n");
        let types = [
            (FORM, &fields),
            ("Application/X-WWW-Form-URLEncoded; charset=utf-8", &fields),
            ("application/x-www-form-urlencoded; =", &fields),
            (PARTS, &parts),
        ];
        for (media_type, body) in types {
            for query in ["", "?digest=x", "?mount=&from="] {
                let target = format!("/v2/team/app/blobs/uploads/{query}");
                let answer = ci.send("POST", &target, Some(media_type), body.as_bytes())?;
                assert!(
                    answer.status != 201,
                    "{release:?} {media_type} {query}\n{}",
                    front.logs()
                );
                assert_eq!(
                    ci.finds("team/app", &digest())?,
                    404,
                    "{release:?} {media_type} {query}"
                );
            }
        }
        // What a form says is not the name of the upload either: curl sends this type by default.
        for (number, media_type) in [FORM, PARTS].into_iter().enumerate() {
            let repository = format!("team/curl-{number}");
            ci.push(&repository, &digest(), Some(media_type))
                .with_context(|| front.logs())?;
            let blob = ci.send(
                "GET",
                &format!("/v2/{repository}/blobs/{}", digest()),
                None,
                b"",
            )?;
            assert_eq!(
                (blob.status, blob.body.as_slice()),
                (200, BLOB),
                "{release:?} {media_type}"
            );
        }
    }
    Ok(())
}

/// `proxy.mounts` is for registries that separate repositories themselves, as this test shows
/// without Envoy.
#[test]
fn a_registry_that_mounts_are_forwarded_to_keeps_repositories_apart_behind_envoy() -> Outcome {
    for release in releases()? {
        let folder = TempDir::with_prefix("registry-auth-apart-").context("no folder")?;
        let (registry, address) = distribution::start_with(release, &json!({}), folder.path())?;
        let anybody = Caller {
            address,
            token: None,
        };
        anybody.push("private/base", &digest(), None)?;
        assert_eq!(
            anybody.finds("private/base", &digest())?,
            200,
            "{}",
            registry.log()
        );
        // By its digest, in a repository that does not have it: before and after an attempt to
        // mount it from there.
        for _ in 0..2 {
            for method in ["HEAD", "GET"] {
                let foreign = anybody.send(
                    method,
                    &format!("/v2/team/app/blobs/{}", digest()),
                    None,
                    b"",
                )?;
                assert_eq!(foreign.status, 404, "{release:?} {method}");
            }
            for source in ["team/other", "team/app", ""] {
                let target = format!(
                    "/v2/team/app/blobs/uploads/?mount={}&from={source}",
                    digest()
                );
                assert_eq!(
                    anybody.send("POST", &target, None, b"")?.status,
                    202,
                    "{release:?} {source}"
                );
            }
        }
    }
    Ok(())
}
