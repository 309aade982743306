//! Configurations that change, and a registry that does not say whether a tag exists.

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::envoy::{Bootstrap, Listener};
use registry_auth_harness::issuer::Issuers;
use registry_auth_harness::load::{Backend, Kind, Question};
use registry_auth_harness::server::{Port, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::callers::{KindStatuses, NORMAL, Tokens, entry, kinds, push_tag, read};
use super::issuers::put;
use super::page::Page;
use super::proxy::{Proxy, bootstrap, listeners, until};
use super::trial::{Case, Hooks, UNNOTICED, play};

const ISSUER: &str = "http://issuer.test";
const OTHER: &str = "http://other.test";
const CHANGES: usize = 100;
/// Changes before memory is measured.
const WARM: usize = 20;
/// Memory that all changes may need, in KiB: what the allocator keeps is not exact.
const SLACK: u64 = 32 * 1024;
/// What a worker may need to follow.
const SPREAD: Duration = Duration::from_millis(600);

/// Envoy with a filter that is read from a file.
struct Fixture {
    proxy: Proxy,
    bootstrap: RefCell<Bootstrap>,
    _kept: (Server, TempDir),
}

/// One of two configurations. They call the same people by other names, so that names of one and
/// policy of the other give themselves away: `ci` may then not do what both allow, and `closed` is
/// open, which it is in neither.
fn plugin(own: &str, foreign: &str, anonymous: &[&str]) -> Value {
    let mapped = |issuer| {
        let mut entry = entry(issuer, "issuers");
        put(
            &mut entry,
            "/claimMapping",
            "username",
            json!(format!("'{own}-' + claims.sub")),
        )
        .map(|()| entry)
    };
    let entries: Vec<_> = [ISSUER, OTHER].into_iter().flat_map(mapped).collect();
    json!({
        "http": {
            "auth": {"bearer": {"oidc": entries}},
            "accessControl": {"repositories": {
                "team/**": {"policies": [{"users": [format!("{own}-ci")], "actions": ["read", "create"]}]},
                "closed/**": {"policies": [{"users": [format!("{foreign}-ci")], "actions": ["read"]}]},
                "open/**": {"anonymousPolicy": anonymous, "policies": [{"users": ["nobody"], "actions": ["read"]}]},
            }},
        },
        "log": {"level": "warn"},
        "proxy": {"upstreamCluster": "upstream"},
    })
}

fn both() -> [Value; 2] {
    [plugin("a", "b", &["read"]), plugin("b", "a", &[])]
}

impl Fixture {
    fn set_up() -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-failures-")?;
        let server = Issuers::of_scenarios()?.serve(Port::bind()?)?;
        let backend = Backend::start()?;
        let [first, _] = both();
        let mut listeners = listeners(&first, [0, 0]);
        if let Some(main) = listeners.first_mut() {
            main.discovery = Some(folder.path().join("filter.json"));
        }
        let bootstrap = bootstrap(listeners, &backend, &[("issuers", server.address())])?;
        bootstrap.publish(bootstrap.listeners.first().context("no listener")?)?;
        let proxy = Proxy::start(backend, &bootstrap, bootstrap.to_json()?)?;
        Ok(Self {
            proxy,
            bootstrap: RefCell::new(bootstrap),
            _kept: (server, folder),
        })
    }

    fn counted(&self, counter: &str) -> Result<u64> {
        let name = format!("extension_config_discovery.http_filter.registry-auth.{counter}");
        Ok(self.proxy.envoy()?.stat(&name)?.unwrap_or_default())
    }

    /// Gives the plugin another configuration, and waits until Envoy says what it made of it.
    fn change(&self, configuration: &Value, counter: &str) -> Result<()> {
        let before = self.counted(counter)?;
        let listener: Listener = {
            let mut bootstrap = self.bootstrap.borrow_mut();
            let listener = bootstrap.listeners.first_mut().context("no listener")?;
            listener.configuration = configuration.to_string();
            listener.clone()
        };
        self.bootstrap.borrow().publish(&listener)?;
        until(counter, || Ok(self.counted(counter)? > before))
    }

    /// Changes back and forth; ends with the first.
    fn change_often(&self, times: usize) -> Result<u64> {
        let [first, second] = both();
        for configuration in [&second, &first].into_iter().cycle().take(times) {
            self.change(configuration, "config_reload")?;
        }
        self.proxy.envoy()?.resident()
    }

    fn play(&self, case: &Case, kinds: &[Kind], hooks: Hooks<'_>) -> Result<()> {
        play(case, self.proxy.address()?, kinds, hooks).with_context(|| self.proxy.log_tail())
    }
}

/// Plays changes, a bad configuration and questions that fail.
pub(super) fn try_all(page: &mut Page) -> Result<()> {
    let fixture = Fixture::set_up()?;
    let (tokens, others) = (
        Tokens::of(ISSUER, "es256"),
        Tokens::of(OTHER, "other-es256"),
    );
    for tokens in [&tokens, &others] {
        fixture.proxy.comes_to(200, &read(&tokens.bearer(0)?))?;
    }
    let all = || kinds(&tokens, &tokens, &others);
    page.section("Configurations, and the registry");
    changes(&fixture, &all()?, page);
    bad(&fixture, &all()?, page)?;
    let mut kinds = all()?;
    if let Some(push) = kinds.get_mut(2) {
        *push = push_tag(&tokens.bearer(0)?);
    }
    questions(&fixture, &kinds, page);
    Ok(())
}

fn changes(fixture: &Fixture, kinds: &[Kind], page: &mut Page) {
    const EITHER: KindStatuses = [&[200], &[200], &[200], &[200], &[200, 401], &[403]];
    let case = Case {
        failure: "the configuration changes 100 times",
        how: "back and forth: other names for callers, other policy, anonymous pull or not",
        during: EITHER,
        sign: "`config_reload` counts; the memory of Envoy does not grow",
        end: "what both allow is never refused, what neither allows never granted",
        ..UNNOTICED
    };
    let (mut before, mut after) = (0, 0);
    let hooks = Hooks {
        fail: &mut || {
            before = fixture.change_often(WARM)?;
            Ok(())
        },
        look: &mut || {
            after = fixture.change_often(CHANGES)?;
            Ok(())
        },
        mend: &mut || {
            thread::sleep(SPREAD);
            Ok(())
        },
    };
    let outcome = fixture.play(&case, kinds, hooks).and_then(|()| {
        eprintln!("  {before} KiB, and {after} KiB after {CHANGES} more changes");
        ensure!(
            after <= before + SLACK,
            "Envoy holds {after} KiB after {CHANGES} changes, {before} before"
        );
        Ok(())
    });
    page.add(&case, outcome);
}

fn bad(fixture: &Fixture, kinds: &[Kind], page: &mut Page) -> Result<()> {
    let case = Case {
        failure: "a new configuration is bad",
        how: "an action that does not exist",
        sign: "`update_rejected` counts; the log names the place in the configuration",
        end: "the old one serves until there is a good one",
        ..UNNOTICED
    };
    let [mut wrong, _] = both();
    let right = wrong.clone();
    put(
        &mut wrong,
        "/http/accessControl/repositories/team~1**/policies/0",
        "actions",
        json!(["wirte"]),
    )?;
    let hooks = Hooks {
        fail: &mut || fixture.change(&wrong, "update_rejected"),
        look: &mut || {
            let log = fixture.proxy.envoy()?.log();
            ensure!(
                log.contains("policies[0].actions[0]"),
                "the log does not name the place"
            );
            Ok(())
        },
        mend: &mut || fixture.change(&right, "config_reload"),
    };
    page.add(&case, fixture.play(&case, kinds, hooks));
    Ok(())
}

fn questions(fixture: &Fixture, kinds: &[Kind], page: &mut Page) {
    const STRICTER: KindStatuses = [&[200], &[200], &[403], &[200], &[200], &[403]];
    for (question, how) in [
        (Question::Fails, "it answers 500"),
        (Question::Hangs, "it does not answer"),
    ] {
        let case = Case {
            failure: "the registry does not say whether a tag exists",
            how,
            before: Some(NORMAL),
            during: STRICTER,
            sign: "`registry_auth_decisions` counts `policy_denied`",
            end: "by itself; until then a tag is treated as existing: who may only create is refused",
            ..UNNOTICED
        };
        let before = Cell::new(None);
        let hooks = Hooks {
            fail: &mut || {
                before.set(fixture.proxy.metric(&["reason=.=policy_denied;.;"])?);
                fixture.proxy.backend.answer(question);
                Ok(())
            },
            // Workers send their counters with the next tick.
            look: &mut || {
                until("the counter", || {
                    Ok(fixture.proxy.metric(&["reason=.=policy_denied;.;"])? > before.get())
                })
            },
            mend: &mut || {
                fixture.proxy.backend.answer(Question::Answered);
                Ok(())
            },
        };
        page.add(&case, fixture.play(&case, kinds, hooks));
    }
}
