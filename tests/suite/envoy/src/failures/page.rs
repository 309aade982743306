//! `docs/faults.md`: compares its content with the results, or writes it.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_harness::load::NONE;
use registry_auth_harness::module;

use super::callers::{KINDS, KindStatuses};
use super::trial::Case;

const PAGE: &str = "docs/faults.md";
/// Set, it has the page written instead of compared.
const RENEW: &str = "REGISTRY_AUTH_RENEW";
const TEST: &str = "cargo test -p registry-auth-suite-envoy failures";
const ABOUT: &str = "# Failures

What clients and operators see when something around the filter fails. A test makes each failure happen at a real Envoy with two
workers while six kinds of requests run at once, checks every answer, and writes this page; it fails when the page changes.

*Token seen before*, *new tokens* and *push with body* have tokens of the issuer, or token server, that the failure is about. A
cell holds the status while it fails. Before and afterwards they are 200 and, for what the policy refuses, 403, unless the last column
says otherwise. `-`: no such requests. `none`: the connection broke. `ISSUER` is the issuer; [metrics.md](metrics.md) and
`host-shim/README.md` (Endpoints) list the metrics, as Prometheus names them.
";
const ELSEWHERE: &str = "
## In the module alone

These are made to happen in wasmtime, because a real Envoy does not let them happen when it is told to.

| failure | what happens | test |
|---|---|---|
| a host call fails, whichever, with whatever status | no request goes on without a grant; the next one is served | `tests/suite/wasm/src/faults` |
| the clock says a time before the module's release date, as where a host hands over 32 bits of it | every request gets 503, public paths too, and the intake takes nothing; one line of the log says so, and one when the clock is right again | `clock.rs` |
| the clock jumps back or forward | waits end with 503; tokens expire by the clock as it is, in Envoy from the next tick (250 ms) or after 32 requests of a worker on; keys are used no longer than `maxStale` | `patience.rs`, `fetches/`, `recent_time.rs` |
| another plugin writes over what workers tell each other of fetches | what has no MAC of the push key counts as absent, `registry_auth_keys_share_refused` counts it | `fetches/hostile.rs` |
| more requests of one worker wait than may (`docs/threats.md`, Limits) | those above get 503 at once; who has a verified credential is not among them because of others who have none | `patience.rs`, `parking.rs` |
| a key is published while its issuer may not be asked yet, or is being asked | its tokens wait for the next fetch, within 5 seconds, and get 200; those above 256 of one worker get 503 at once | `fetches/unknown.rs` |
| an unknown key id cannot be looked up | 503, never 401 | `fetches/unknown.rs`, `intake.rs` |

## Seen by alerts

What is no failure for the filter, or none that it can tell from normal operation. The test of the alerts makes it happen, and those failures
above that have an alert ([metrics.md](metrics.md), Alerts).

| failure | what happens | it ends |
|---|---|---|
| most requests of one issuer are refused | 401 or 403, by the reason in `registry_auth_decisions`: its tokens, or the policy, have changed | with the right policy, or the right tokens |
| claims no longer fit a validation | 401 with `validation_failed` or `mapping_failed`: the issuer has changed its claims, or somebody tries tokens of others | with the right validation or mapping |
| proxies have different policies | each decides by its own, so that the same request gets 200 here and 403 there; `registry_auth_config_info` has both digests | when all proxies have the same |
| the registry does not return its catalog | 503 for `GET /v2/_catalog`; `registry_auth_decisions` counts `upstream_unavailable` | by itself |
| the next policy decides otherwise | nothing: a shadow policy is never enforced | with another shadow policy |
";

/// The page as this run makes it.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    faults: Vec<String>,
}

impl Page {
    /// Begins a table.
    pub(super) fn section(&mut self, title: &str) {
        let names: Vec<_> = ["failure", "what is done"]
            .into_iter()
            .chain(KINDS)
            .chain(["an operator sees", "it ends"])
            .collect();
        let rule = "---|".repeat(names.len());
        self.text = format!(
            "{}\n## {title}\n\n| {} |\n|{rule}\n",
            self.text,
            names.join(" | ")
        );
    }

    /// Adds a failure and the result of its trial.
    pub(super) fn add(&mut self, case: &Case, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.faults
                .push(format!("{}, {}: {error:#}", case.failure, case.how));
        }
        let mut cells = vec![case.failure.to_owned(), case.how.to_owned()];
        cells.extend(statuses(case.during));
        cells.extend([case.sign.to_owned(), case.end.to_owned()]);
        self.text = format!("{}| {} |\n", self.text, cells.join(" | "));
    }

    /// Compares with the page in the checkout, or writes it when `REGISTRY_AUTH_RENEW` is set.
    pub(super) fn check(&self) -> Result<()> {
        let text = self.whole()?;
        let path = module::workspace().join(PAGE);
        if std::env::var_os(RENEW).is_some() {
            return fs::write(path, text).context(PAGE);
        }
        let committed = fs::read_to_string(path).context(PAGE)?;
        has_all(&committed, &text)?;
        if committed != text {
            bail!("{PAGE} has lines that no failure makes; `{RENEW}=1 {TEST}` updates it");
        }
        Ok(())
    }

    /// Compares only what was played with the page in the checkout, which has more.
    pub(super) fn check_part(&self) -> Result<()> {
        let committed = fs::read_to_string(module::workspace().join(PAGE)).context(PAGE)?;
        has_all(&committed, &self.whole()?)
    }

    /// The page, if every failure came out as it says.
    fn whole(&self) -> Result<String> {
        ensure!(
            self.faults.is_empty(),
            "{} failures came out otherwise\n\n{}",
            self.faults.len(),
            self.faults.join("\n\n")
        );
        Ok(format!("{ABOUT}{}{ELSEWHERE}", self.text))
    }
}

/// Checks that a page has each line of a text.
fn has_all(page: &str, text: &str) -> Result<()> {
    let is_new = |line: &&str| !page.lines().any(|old| old == *line);
    let news: Vec<_> = text.lines().filter(is_new).collect();
    ensure!(
        news.is_empty(),
        "{PAGE} says otherwise; `{RENEW}=1 {TEST}` updates it\n{}",
        news.join("\n")
    );
    Ok(())
}

fn statuses(right: KindStatuses) -> impl Iterator<Item = String> {
    let text = |status: &u16| {
        if *status == NONE {
            "none".to_owned()
        } else {
            status.to_string()
        }
    };
    right.into_iter().map(move |statuses| match statuses {
        [] => "-".to_owned(),
        _ => statuses.iter().map(text).collect::<Vec<_>>().join(" or "),
    })
}
