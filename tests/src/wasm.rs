//! The wasmtime substrate: the built module, one VM per configuration, issuers in memory.

use anyhow::{Context as _, Result, bail, ensure};

use crate::client::{Request, Response};
use crate::expect::Outcome;
use crate::host::{Callout, CalloutAnswer, Clock};
use crate::issuer::{Issuers, Reaction};
use crate::module::Compiled;
use crate::push;
use crate::registry::{self, Holdings};
use crate::scenario::Config;
use crate::substrate::Substrate;
use crate::vm::{Progress, Setup, Vm};

/// Ticks that a waiting request gets; the clock moves with each of them.
const PATIENCE: usize = 100;
const INTAKE: &[u8] = br#"{"intake": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}}}"#;

/// The built module on wasmtime.
pub struct Wasm {
    module: &'static Compiled,
    issuers: Issuers,
    verifies: bool,
    served: Vec<(Vm, Holdings)>,
}

impl Wasm {
    /// A host that has `verify_signature`, as Envoy does.
    ///
    /// # Errors
    /// The module is missing, too old or invalid.
    pub fn new() -> Result<Self> {
        Self::with(true)
    }

    /// A host that has no foreign function.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn bare() -> Result<Self> {
        Self::with(false)
    }

    fn with(verifies: bool) -> Result<Self> {
        Ok(Self { module: Compiled::built()?, issuers: Issuers::of_scenarios()?, verifies, served: Vec::new() })
    }

    /// The VM of a configuration.
    ///
    /// # Errors
    /// There is no such configuration.
    pub fn vm(&mut self, config: usize) -> Result<&mut Vm> {
        self.served.get_mut(config).map(|(vm, _)| vm).context("there is no such configuration")
    }
}

impl Substrate for Wasm {
    fn serve(&mut self, config: &Config) -> Result<usize> {
        let setup = Setup {
            clock: Clock::Ahead(0),
            verifies: self.verifies,
            holds_bodies: config.holds_bodies,
            secured: config.is_secured(),
            ..Setup::of_scenarios(config.plugin.to_string().as_bytes())
        };
        let intake = Setup { shared: setup.shared.clone(), clock: setup.clock, ..Setup::of_scenarios(INTAKE) };
        let mut vm = Vm::start(self.module, setup)?;
        for (set, keys) in push::sets(config.pushed.as_deref(), config.minting.as_deref())? {
            let mut intake = Vm::start(self.module, intake.clone())?;
            let id = intake.open(&push::request(set, &keys, intake.now()))?;
            match intake.progress(id)? {
                Progress::Answered(Response { status: 204, .. }) => {}
                other => bail!("the intake did not take the keys: {other:?}"),
            }
            vm.tick()?;
        }
        self.served.push((vm, config.registry.clone()));
        Ok(self.served.len() - 1)
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn send(&mut self, config: usize, request: &Request) -> Result<Outcome> {
        let issuers = self.issuers.clone();
        let (vm, registry) = self.served.get_mut(config).context("there is no such configuration")?;
        let id = vm.open(request)?;
        let progress = settle(vm, id, &issuers, registry)?;
        vm.close(id)?;
        Ok(match progress {
            Progress::Answered(response) => Outcome::Answered(response),
            Progress::Forwarded(seen) => {
                let status = registry.answer(&seen.method, &seen.path).status;
                Outcome::Forwarded { seen, status }
            }
            Progress::Waiting => bail!("it still waits after {PATIENCE} ticks\n{}", vm.log().join("\n")),
        })
    }
}

/// Answers callouts and ticks until a request is decided, or time is up.
fn settle(vm: &mut Vm, id: u32, issuers: &Issuers, registry: &Holdings) -> Result<Progress> {
    for _ in 0..PATIENCE {
        match vm.progress(id)? {
            Progress::Waiting => {}
            decided => return Ok(decided),
        }
        let callouts = vm.callouts();
        if callouts.is_empty() {
            vm.tick()?;
        }
        for callout in callouts {
            let answer = respond(issuers, registry, &callout)?;
            vm.answer(callout.token, answer)?;
        }
    }
    vm.progress(id)
}

/// What Envoy would bring back for a callout: an answer, 503 when the connection breaks, 504 when the time is over.
///
/// # Errors
/// It goes to another cluster than `upstream` and `issuers`.
pub fn respond(issuers: &Issuers, holdings: &Holdings, callout: &Callout) -> Result<CalloutAnswer> {
    let header = |name: &str| callout.header(name).unwrap_or_default();
    let (method, path) = (header(":method"), header(":path"));
    if callout.cluster == "upstream" {
        let registry::Answer { status, link, body } = holdings.answer(&method, &path);
        let mut answer = answer(status, None, body.unwrap_or_default().into_bytes());
        answer.headers.extend(link.map(|link| (b"link".to_vec(), link.into_bytes())));
        return Ok(answer);
    }
    ensure!(callout.cluster == "issuers", "no scenario has a cluster `{}`", callout.cluster);
    Ok(match issuers.react(&header(":authority"), &path) {
        Reaction::Answer { status, cache_control, body, .. } => answer(status, cache_control, body),
        Reaction::Hang => answer(504, None, b"upstream request timeout".to_vec()),
        Reaction::Reset => answer(503, None, b"upstream connect error or disconnect/reset before headers".to_vec()),
    })
}

fn answer(status: u16, cache_control: Option<String>, body: Vec<u8>) -> CalloutAnswer {
    let mut headers = vec![
        (b":status".to_vec(), status.to_string().into_bytes()),
        (b"content-type".to_vec(), b"application/json".to_vec()),
    ];
    headers.extend(cache_control.map(|value| (b"cache-control".to_vec(), value.into_bytes())));
    CalloutAnswer { headers, body }
}
