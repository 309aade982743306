//! Mounts at a real registry: a blob comes from where it may be read, and from nowhere else.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_tests::callers::service_account;
use registry_auth_tests::client::{self, Request, Response};
use registry_auth_tests::envoy;
use registry_auth_tests::front::{Front, Realm};
use registry_auth_tests::upstream::sha256;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
const BLOB: &[u8] = b"a blob that is somewhere else";

fn send(front: &Front, token: &str, method: &str, target: &str, body: &[u8]) -> Result<Response> {
    let request = Request::new(method, target).header("authorization", &format!("Bearer {token}"));
    client::send(front.address(), &request.body(body.to_vec()), PATIENCE).with_context(|| front.logs())
}

/// Uploads the blob.
fn push(front: &Front, token: &str, repository: &str, digest: &str) -> Result<()> {
    let begun = send(front, token, "POST", &format!("/v2/{repository}/blobs/uploads/"), b"")?;
    let location = begun.header("location").context("the upload has no place")?;
    let session = location.split_once("/v2/").map(|(_, rest)| format!("/v2/{rest}")).context("no place of ours")?;
    let ended = send(front, token, "PUT", &format!("{session}&digest={digest}"), BLOB)?;
    ensure!(ended.status == 201, "the upload ended with {}", ended.status);
    Ok(())
}

#[test]
fn a_mount_that_may_not_be_read_goes_on_as_a_plain_upload_through_envoy() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    let front = Front::start(Realm::Text)?;
    let (admin, ci) = (service_account("registry", "admin", "+1h")?, service_account("team", "ci", "+1h")?);
    let digest = format!("sha256:{}", sha256(BLOB));
    // Everybody with a token may read `release`, and nobody but administrators `private`.
    for repository in ["private/base", "release/base"] {
        push(&front, &admin, repository, &digest)?;
    }
    let rows = [
        ("&from=private/base", 202, 404),
        ("", 202, 404),
        ("&from=release/base&from=private/base", 202, 404),
        ("&from=release/base", 201, 200),
    ];
    for (source, status, then) in rows {
        let target = format!("/v2/team/app/blobs/uploads/?mount={digest}{source}");
        let mounted = send(&front, &ci, "POST", &target, b"")?;
        assert_eq!(mounted.status, status, "{source}\n{}", front.logs());
        let there = send(&front, &ci, "HEAD", &format!("/v2/team/app/blobs/{digest}"), b"")?;
        assert_eq!(there.status, then, "{source}");
    }
    Ok(())
}
