//! The failures, each with the alert that is about it.

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::trap;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::issuer::Fault;

use super::stand::{CHANGED, FAILING, OTHER, REFUSED, STALE, Stand};
use crate::failures::callers::{Tokens, read};
use crate::failures::proxy::PATIENCE;
use crate::run::fixture::signal;

/// A failure that has an alert.
pub(super) struct Scene {
    /// The name of its rule.
    pub(super) alert: &'static str,
    /// What its labels have, in JSON.
    pub(super) labels: &'static [&'static str],
    /// Causes the failure.
    pub(super) fail: Step,
    /// What clients do meanwhile.
    pub(super) keep: Step,
    /// Ends the failure.
    pub(super) mend: Step,
}

type Step = fn(&mut Stand) -> Result<()>;

/// Requests that trap, on a connection each.
const TRAPS: usize = 8;
/// Ends of Envoy: one more than an operator has to put up with.
const ENDS: usize = 4;

const NOTHING: Step = |_| Ok(());

/// In the order in which they are played.
pub(super) const SCENES: &[Scene] = &[
    Scene {
        alert: "RegistryAuthKeysFailing",
        labels: &["\"source\":\"failing_test\"", "\"plugin\":\"main\""],
        fail: |stand| {
            stand.fault(FAILING, Some(&Fault::Reset))?;
            // An unknown key has them fetched again.
            expect(
                stand,
                503,
                &read(&Tokens::of(FAILING, "stray-es256").bearer(0)?),
            )
        },
        keep: |stand| expect(stand, 200, &read(&Tokens::of(FAILING, "es256").bearer(0)?)),
        mend: |stand| stand.fault(FAILING, None),
    },
    Scene {
        alert: "RegistryAuthKeysStale",
        labels: &["\"source\":\"stale_test\"", "\"plugin\":\"main\""],
        fail: |stand| stand.fault(STALE, Some(&Fault::Reset)),
        keep: NOTHING,
        mend: |stand| {
            stand.fault(STALE, None)?;
            let token = read(&Tokens::of(STALE, "es256").bearer(0)?);
            let mut proxies = stand.proxies.iter();
            proxies.try_for_each(|proxied| proxied.proxy.comes_to(200, &token))
        },
    },
    Scene {
        alert: "RegistryAuthRefusalRatio",
        labels: &["\"provider\":\"refused_test\""],
        fail: NOTHING,
        keep: |stand| {
            let token = Tokens::of(REFUSED, "es256").bearer(0)?;
            let closed = Request::new("GET", "/v2/closed/app/tags/list");
            expect(stand, 403, &closed.header("authorization", &token))
        },
        mend: NOTHING,
    },
    Scene {
        alert: "RegistryAuthValidationSpike",
        labels: &["\"provider\":\"changed_test\""],
        fail: NOTHING,
        keep: |stand| expect(stand, 401, &read(&Tokens::of(CHANGED, "es256").bearer(0)?)),
        mend: NOTHING,
    },
    Scene {
        alert: "RegistryAuthUnavailable",
        labels: &["\"reason\":\"upstream_unavailable\""],
        fail: NOTHING,
        keep: |stand| {
            let token = Tokens::of(OTHER, "other-es256").bearer(0)?;
            let catalog = Request::new("GET", "/v2/_catalog");
            expect(stand, 503, &catalog.header("authorization", &token))
        },
        mend: NOTHING,
    },
    Scene {
        alert: "RegistryAuthPolicySkew",
        labels: &["\"plugin\":\"main\"", "\"job\":\"proxy\""],
        fail: |stand| {
            let [_, proxied] = &stand.proxies;
            proxied.publish(&proxied.policy().replace("\"create\"", "\"delete\""))
        },
        keep: NOTHING,
        mend: |stand| {
            let [_, proxied] = &stand.proxies;
            proxied.publish(proxied.policy())
        },
    },
    Scene {
        alert: "RegistryAuthModuleDown",
        labels: &[],
        fail: |stand| {
            let [_, proxied] = &stand.proxies;
            let trapping = (0..trap::FIELDS).fold(
                Request::new("GET", "/v2/open/app/tags/list"),
                |request, number| request.header(&format!("x-field-{number}"), "1"),
            );
            for _ in 0..TRAPS {
                proxied.send(&trapping)?;
            }
            Ok(())
        },
        keep: NOTHING,
        mend: |stand| {
            let [_, proxied] = &stand.proxies;
            let token = Tokens::of(OTHER, "other-es256").bearer(0)?;
            proxied.proxy.comes_to(200, &read(&token))
        },
    },
    Scene {
        alert: "RegistryAuthShimNotReady",
        labels: &[],
        fail: |stand| {
            stand.shim = None;
            Ok(())
        },
        keep: NOTHING,
        mend: Stand::start_shim,
    },
    Scene {
        alert: "RegistryAuthSourceTooOld",
        labels: &["\"set\":\"secret:us-east-1/keys\""],
        fail: |stand| {
            stand.secrets.stop();
            Ok(())
        },
        keep: NOTHING,
        mend: |stand| stand.secrets.resume(),
    },
    Scene {
        alert: "RegistryAuthPushRefused",
        labels: &[],
        fail: |stand| {
            let [proxied, _] = &stand.proxies;
            let stranger = Request::new("GET", "/keys/v2/secret:us-east-1%2Fkeys");
            let status = client::send(proxied.intake, &stranger, PATIENCE)?.status;
            ensure!(status == 401, "a stranger gets {status}");
            Ok(())
        },
        keep: NOTHING,
        mend: NOTHING,
    },
    // As Envoy says it, and as `run` says it.
    Scene {
        alert: "RegistryAuthConfigRejected",
        labels: &[],
        fail: |stand| {
            let [proxied, _] = &stand.proxies;
            proxied.publish(&proxied.policy().replace("\"create\"", "\"creates\""))
        },
        keep: NOTHING,
        mend: |stand| {
            let [proxied, _] = &stand.proxies;
            proxied.publish(proxied.policy())
        },
    },
    Scene {
        alert: "RegistryAuthConfigRejected",
        labels: &[],
        fail: |stand| stand.run.replace_text("{}{"),
        keep: NOTHING,
        mend: NOTHING,
    },
    Scene {
        alert: "RegistryAuthEnvoyRestarts",
        labels: &[],
        fail: |stand| {
            for times in 1..=ENDS {
                signal(stand.run.envoy()?, "KILL")?;
                stand.run.says("Envoy has ended", times)?;
                stand.run.is_ready().context("Envoy does not come back")?;
            }
            Ok(())
        },
        keep: NOTHING,
        mend: NOTHING,
    },
];

/// Sends a request to the first proxy.
fn expect(stand: &Stand, expected: u16, request: &Request) -> Result<()> {
    let [proxied, _] = &stand.proxies;
    let status = proxied.send(request)?;
    ensure!(status == expected, "{status} instead of {expected}");
    Ok(())
}
