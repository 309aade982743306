//! A VM that traps: the module has a trap laid in it.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::trap;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::issuer::Issuers;
use registry_auth_harness::load::Backend;
use registry_auth_harness::module;
use registry_auth_harness::server::Port;
use serde_json::json;
use tempfile::TempDir;

use super::callers::{KindStatuses, Tokens, access_control, entry, kinds, read};
use super::page::Page;
use super::proxy::{PATIENCE, Proxy, bootstrap, listeners, until};
use super::trial::{Case, Hooks, UNNOTICED, play};

const ISSUER: &str = "http://issuer.test";
const OTHER: &str = "http://other.test";
const WITHOUT: KindStatuses = [
    &[200, 503],
    &[200, 503],
    &[200, 503],
    &[200, 503],
    &[200, 503],
    &[403, 503],
];
const TRAP: &str = "proxy_on_request_headers failed";
/// Requests that trap, on a connection each.
const TRAPS: usize = 8;

/// Plays it.
pub(super) fn try_all(page: &mut Page) -> Result<()> {
    let folder = TempDir::with_prefix("registry-auth-failures-")?;
    let path = folder.path().join("trap.wasm");
    fs::write(&path, trap::lay(&fs::read(module::path()?)?)?)?;
    let (server, backend) = (
        Issuers::of_scenarios()?.serve(Port::bind()?)?,
        Backend::start()?,
    );
    let entries = [entry(ISSUER, "issuers"), entry(OTHER, "issuers")];
    let plugin = json!({
        "http": {"auth": {"bearer": {"oidc": entries}}, "accessControl": access_control()},
        "log": {"level": "warn"},
    });
    let mut bootstrap = bootstrap(
        listeners(&plugin, [0, 0]),
        &backend,
        &[("issuers", server.address())],
    )?;
    bootstrap.module = path;
    let proxy = Proxy::start(backend, &bootstrap, bootstrap.to_json()?)?;
    let (tokens, others) = (
        Tokens::of(ISSUER, "es256"),
        Tokens::of(OTHER, "other-es256"),
    );
    for tokens in [&tokens, &others] {
        proxy.comes_to(200, &read(&tokens.bearer(0)?))?;
    }
    let case = Case {
        failure: "the VM of a worker traps",
        how: "requests that make the module trap",
        during: WITHOUT,
        sign: "Envoy's `wasm.NAME.vm_reload_success` counts; log: `proxy_on_request_headers failed`",
        end: "Envoy loads the module again after its back-off; until then it answers 503",
        ..UNNOTICED
    };
    let trapping = (0..trap::FIELDS).fold(
        Request::new("GET", "/v2/open/app/tags/list"),
        |request, number| request.header(&format!("x-field-{number}"), "1"),
    );
    let hooks = Hooks {
        fail: &mut || {
            for _ in 0..TRAPS {
                client::send(proxy.address()?, &trapping, PATIENCE)?;
            }
            Ok(())
        },
        look: &mut || {
            until("a VM", || {
                Ok(proxy.envoy()?.stat("wasm.main.vm_reload_success")? > Some(0))
            })?;
            ensure!(
                proxy.envoy()?.log().contains(TRAP),
                "the log does not have the trap"
            );
            Ok(())
        },
        mend: &mut || proxy.comes_to(200, &read(&tokens.bearer(0)?)),
    };
    let outcome = play(
        &case,
        proxy.address()?,
        &kinds(&tokens, &tokens, &others)?,
        hooks,
    );
    page.section("The proxy");
    page.add(&case, outcome.with_context(|| proxy.log_tail()));
    Ok(())
}
