//! Keys that change under load.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client;

use super::callers::{KindStatuses, Tokens, kinds, read};
use super::issuers::Fixture;
use super::page::Page;
use super::proxy::{FETCHED, PATIENCE, until};
use super::trial::{Case, Hooks, UNNOTICED, play};

/// The issuer that has both keys for a while.
pub(super) const OVERLAP: &str = "http://overlap.test";
/// The issuer that replaces its key.
pub(super) const REPLACED: &str = "http://replaced.test";
/// Unknown keys cause at most one fetch in this time.
const LIMIT: Duration = Duration::from_secs(5);
/// Requests that come as soon as the key is there.
const FIRST: usize = 50;
const OLD: KindStatuses = [&[200], &[], &[], &[200], &[200], &[403]];
const REVOKED: KindStatuses = [&[401], &[200], &[200], &[200], &[200], &[403]];

/// Rotates with and without overlap. The tokens that were seen before have the old key, the others
/// the new one.
pub(super) fn try_all(fixture: &Fixture, page: &mut Page) {
    let overlap = Case {
        failure: "rotation with overlap",
        how: "the issuer has both keys; later it drops the old one, and any token with an unknown key id comes",
        before: Some(OLD),
        sign: "`registry_auth_fetches` counts `success`",
        after: REVOKED,
        end: "401 for the old key after that refresh",
        ..UNNOTICED
    };
    page.add(
        &overlap,
        rotate(fixture, &overlap, OVERLAP, &["es256", "next-es256"]),
    );
    let replaced = Case {
        failure: "rotation without overlap",
        how: "the issuer replaces its key",
        during: REVOKED,
        end: "the old key stays refused",
        ..overlap
    };
    page.add(
        &replaced,
        rotate(fixture, &replaced, REPLACED, &["next-es256"]),
    );
}

fn rotate(fixture: &Fixture, case: &Case, url: &str, keys: &[&str]) -> Result<()> {
    let issuer = fixture.issuer(url)?;
    let (old, new) = (Tokens::of(url, "es256"), Tokens::of(url, "next-es256"));
    let proxy = &fixture.proxy;
    let kinds = kinds(&old, &new, &Fixture::others())?;
    let (old, new) = (read(&old.bearer(0)?), read(&new.bearer(0)?));
    let stray = read(&Tokens::of(url, "stray-es256").bearer(0)?);
    proxy.comes_to(200, &old)?;
    let fetched = proxy.metric(&FETCHED)?.unwrap_or_default();
    let status = if case.during == REVOKED { 401 } else { 200 };
    let hooks = Hooks {
        fail: &mut || {
            thread::sleep(LIMIT);
            issuer.rotate(keys)?;
            for number in 0..FIRST {
                // None may be refused, from the first on.
                let status = client::send(proxy.address()?, &new, PATIENCE)?.status;
                ensure!(
                    status == 200,
                    "request {number} with the new key got {status}"
                );
            }
            proxy.comes_to(status, &old)
        },
        look: &mut || {
            ensure!(
                proxy.metric(&FETCHED)? > Some(fetched),
                "no fetch was counted"
            );
            Ok(())
        },
        mend: &mut || {
            issuer.rotate(&["next-es256"])?;
            let status = |request| {
                Ok::<_, anyhow::Error>(client::send(proxy.address()?, request, PATIENCE)?.status)
            };
            until("the refresh", || {
                ensure!(status(&stray)? == 401, "an unknown key is taken");
                Ok(status(&old)? == 401)
            })?;
            proxy.comes_to(401, &old)
        },
    };
    play(case, proxy.address()?, &kinds, hooks).with_context(|| proxy.log_tail())
}
