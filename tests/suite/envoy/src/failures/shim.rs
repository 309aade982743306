//! The shim, its Secrets Manager, what is pushed, and an Envoy that restarts.

mod pushes;

use std::cell::{Cell, RefCell};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::issuer::Issuers;
use registry_auth_harness::load::{Backend, NONE};
use registry_auth_harness::module;
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::server::{Port, Server};
use registry_auth_harness::substrate::PUSH_KEY;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::callers::{KindStatuses, Tokens, access_control, entry, kinds, read};
use super::foreign;
use super::page::Page;
use super::proxy::{PATIENCE, Proxy, VM_ID, bootstrap, comes_to, listeners, until};
use super::secrets::{Answer, Secrets};
use super::trial::{Case, Hooks, UNNOTICED, play};

const OTHER: &str = "http://other.test";
const SET: &str = "secret:us-east-1/keys";
/// Where the module file of the third listener stands.
const FOREIGN: &str = "/static_resources/listeners/2/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config\
                       /config/vm_config/code/local/filename";

/// Envoy, the shim and Secrets Manager.
struct Fixture {
    proxy: RefCell<Proxy>,
    secrets: RefCell<Secrets>,
    shim: RefCell<Option<Program>>,
    plugin: Value,
    main: SocketAddr,
    intake: SocketAddr,
    endpoints: SocketAddr,
    folder: TempDir,
    _issuers: Server,
}

impl Fixture {
    fn set_up() -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-failures-")?;
        let server = Issuers::of_scenarios()?.serve(Port::bind()?)?;
        let (backend, secrets) = (Backend::start()?, Secrets::start()?);
        let secret = json!({"region": "us-east-1", "secretName": "keys", "refreshInterval": "1s"});
        let plugin = json!({
            "http": {
                "auth": {"bearer": {"awsSecretsManager": secret, "oidc": [entry(OTHER, "issuers")]}},
                "accessControl": access_control(),
            },
            "log": {"level": "warn"},
            "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}},
        });
        let [main, intake, endpoints] = [free_address()?, free_address()?, free_address()?];
        let mut listeners = listeners(&plugin, [main.port(), intake.port()]);
        if foreign::is_possible() {
            listeners.push(foreign::listener(VM_ID));
        }
        let bootstrap = bootstrap(listeners, &backend, &[("issuers", server.address())])?;
        let mut document = bootstrap.to_json()?;
        if foreign::is_possible() {
            let file = folder.path().join("foreign.wasm");
            fs::write(&file, foreign::module())?;
            *document
                .pointer_mut(FOREIGN)
                .context("the listener is somewhere else")? = json!(file);
        }
        let proxy = Proxy::start(backend, &bootstrap, document)?;
        let (proxy, secrets, shim) = (
            RefCell::new(proxy),
            RefCell::new(secrets),
            RefCell::default(),
        );
        let fixture = Self {
            proxy,
            secrets,
            shim,
            plugin,
            main,
            intake,
            endpoints,
            folder,
            _issuers: server,
        };
        fixture.start_shim()?;
        Ok(fixture)
    }

    fn start_shim(&self) -> Result<()> {
        let file = self.folder.path().join("plugin.json");
        fs::write(&file, self.plugin.to_string())?;
        let secrets = self.secrets.borrow().address();
        let mut command = serve(&file, self.endpoints, &[self.intake], secrets)?;
        let mut program = Program::start("shim", &mut command, self.folder.path())?;
        program.wait_until(|| self.is_ready())?;
        *self.shim.borrow_mut() = Some(program);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        client::send(self.endpoints, &Request::new("GET", "/readyz"), PATIENCE)
            .is_ok_and(|answer| answer.status == 200)
    }

    /// How often fetches came out so, by the shim's own count.
    fn fetches(&self, outcome: &str) -> Result<u64> {
        self.counted("fetches", outcome)
    }

    /// A counter of the shim, for one outcome.
    fn counted(&self, name: &str, outcome: &str) -> Result<u64> {
        let answer = client::send(self.endpoints, &Request::new("GET", "/metrics"), PATIENCE)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let label = format!("outcome=\"{outcome}\"");
        let name = format!("registry_auth_shim_{name}_total{{");
        let samples = text.lines().filter(|line| line.starts_with(&name));
        let sample = samples
            .filter(|line| line.contains(&label))
            .find_map(|line| line.rsplit(' ').next());
        Ok(sample
            .and_then(|value| value.parse().ok())
            .unwrap_or_default())
    }

    fn shim_says(&self, text: &str) -> bool {
        self.shim
            .borrow()
            .as_ref()
            .is_some_and(|shim| shim.output().contains(text))
    }

    fn log(&self) -> String {
        let shim = self
            .shim
            .borrow()
            .as_ref()
            .map(Program::log)
            .unwrap_or_default();
        format!("{}\n{shim}", self.proxy.borrow().log_tail())
    }

    fn play(&self, case: &Case, hooks: Hooks<'_>, page: &mut Page) -> Result<()> {
        let tokens = Tokens::of_server("eddsa");
        let kinds = kinds(&tokens, &tokens, &Tokens::of(OTHER, "other-es256"))?;
        page.add(
            case,
            play(case, self.main, &kinds, hooks).with_context(|| self.log()),
        );
        Ok(())
    }

    /// Waits until the pushed keys, and those of the other issuer, are everywhere.
    fn settle(&self) -> Result<()> {
        for tokens in [Tokens::of_server("eddsa"), Tokens::of(OTHER, "other-es256")] {
            comes_to(self.main, 200, &read(&tokens.bearer(0)?))?;
        }
        Ok(())
    }

    fn refused(&self) -> Result<Option<u64>> {
        self.proxy.borrow().metric(&["intake.refused"])
    }
}

/// A command that serves a configuration: the endpoints, the intakes, and Secrets Manager.
pub(super) fn serve(
    configuration: &Path,
    endpoints: SocketAddr,
    intakes: &[SocketAddr],
    secrets: SocketAddr,
) -> Result<Command> {
    let mut command = Command::new(module::shim()?);
    command
        .arg("serve")
        .arg("--config")
        .arg(configuration)
        .args(["--listen", &endpoints.to_string()]);
    for intake in intakes {
        command.args(["--envoy", &format!("http://{intake}")]);
    }
    command.envs([
        ("REGISTRY_AUTH_PUSH_KEY", PUSH_KEY),
        ("AWS_ENDPOINT_URL", &format!("http://{secrets}")),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]);
    Ok(command)
}

/// Plays all failures around the shim.
pub(super) fn try_all(page: &mut Page) -> Result<()> {
    let fixture = Fixture::set_up()?;
    fixture.settle().with_context(|| fixture.log())?;
    page.section("Keys that the shim pushes");
    secrets_manager(&fixture, page)?;
    pushes::try_all(&fixture, page)?;
    shim_down(&fixture, page)?;
    shim_restarts(&fixture, page)?;
    envoy_restarts(&fixture, page)
}

fn secrets_manager(fixture: &Fixture, page: &mut Page) -> Result<()> {
    const REFUSED: &str =
        "`registry_auth_shim_fetches_total` counts `refused`, log: `refreshing the keys failed`";
    const UNUSABLE: &str =
        "`registry_auth_shim_fetches_total` counts `unusable`, log: `refreshing the keys failed`";
    const UNREACHABLE: &str = "`registry_auth_shim_fetches_total` counts `unreachable`, log: `refreshing the keys failed`";
    let rows = [
        (
            "Secrets Manager is down",
            "nobody listens",
            None,
            "unreachable",
            UNREACHABLE,
        ),
        (
            "Secrets Manager throttles",
            "`ThrottlingException`",
            Some(Answer::Refusal("ThrottlingException")),
            "refused",
            REFUSED,
        ),
        (
            "Secrets Manager denies access",
            "`AccessDeniedException`",
            Some(Answer::Refusal("AccessDeniedException")),
            "refused",
            REFUSED,
        ),
        (
            "the secret is garbage",
            "text that is no JSON",
            Some(Answer::Text("garbage")),
            "unusable",
            UNUSABLE,
        ),
        (
            "the secret is empty",
            "a JSON object without members",
            Some(Answer::Text("{}")),
            "unusable",
            UNUSABLE,
        ),
    ];
    for (failure, how, answer, outcome, sign) in rows {
        let case = Case {
            failure,
            how,
            sign,
            end: "by itself; until then the last good keys, for `maxStale`",
            ..UNNOTICED
        };
        let before = fixture.fetches(outcome)?;
        let hooks = Hooks {
            fail: &mut || {
                match &answer {
                    None => fixture.secrets.borrow_mut().stop(),
                    Some(answer) => fixture.secrets.borrow().answer(answer.clone()),
                }
                until("a failed fetch", || Ok(fixture.fetches(outcome)? > before))
            },
            look: &mut || {
                ensure!(
                    fixture.shim_says("refreshing the keys failed"),
                    "the shim does not say so"
                );
                Ok(())
            },
            mend: &mut || {
                let good = fixture.fetches("success")?;
                match &answer {
                    None => fixture.secrets.borrow_mut().resume()?,
                    Some(_) => fixture.secrets.borrow().answer(Answer::Keys(&["eddsa"])),
                }
                until("a good fetch", || Ok(fixture.fetches("success")? > good))
            },
        };
        fixture.play(&case, hooks, page)?;
    }
    Ok(())
}

fn shim_down(fixture: &Fixture, page: &mut Page) -> Result<()> {
    let case = Case {
        failure: "the shim is down",
        how: "killed",
        sign: "its endpoints do not answer",
        end: "when it is started; until then the last good keys, for `maxStale`",
        ..UNNOTICED
    };
    let hooks = Hooks {
        fail: &mut || {
            *fixture.shim.borrow_mut() = None;
            Ok(())
        },
        look: &mut || {
            ensure!(!fixture.is_ready(), "it is still there");
            Ok(())
        },
        mend: &mut || fixture.start_shim(),
    };
    fixture.play(&case, hooks, page)
}

fn shim_restarts(fixture: &Fixture, page: &mut Page) -> Result<()> {
    let case = Case {
        failure: "the shim restarts",
        how: "killed and started",
        sign: "its counters restart at 0",
        end: "nobody has noticed",
        ..UNNOTICED
    };
    let restart = || {
        *fixture.shim.borrow_mut() = None;
        fixture.start_shim()
    };
    fixture.play(
        &case,
        Hooks {
            fail: &mut || restart(),
            look: &mut || Ok(()),
            mend: &mut || Ok(()),
        },
        page,
    )
}

fn envoy_restarts(fixture: &Fixture, page: &mut Page) -> Result<()> {
    const BROKEN: KindStatuses = [
        &[200, 503, NONE],
        &[200, 503, NONE],
        &[200, 503, NONE],
        &[200, NONE],
        &[200, NONE],
        &[403, NONE],
    ];
    let case = Case {
        failure: "Envoy restarts",
        how: "killed and started, under load",
        during: BROKEN,
        sign: "`registry_auth_shim_pushes_total` counts `stored`",
        end: "by itself: the shim pushes within about a second, other keys are fetched",
        ..UNNOTICED
    };
    let before = Cell::new(0);
    let hooks = Hooks {
        fail: &mut || {
            before.set(fixture.counted("pushes", "stored")?);
            fixture.proxy.borrow_mut().restart()
        },
        look: &mut || {
            until("the push", || {
                Ok(fixture.counted("pushes", "stored")? > before.get())
            })
        },
        mend: &mut || fixture.settle(),
    };
    fixture.play(&case, hooks, page)
}
