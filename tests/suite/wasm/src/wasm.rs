//! The wasmtime substrate: the built module, one VM per configuration, issuers in memory.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_engine::time::UnixTime;

use registry_auth_harness::client::{Request, Response};
use registry_auth_harness::expect::Outcome;
use registry_auth_harness::issuer::{Issuers, Reaction};
use registry_auth_harness::login;
use registry_auth_harness::push;
use registry_auth_harness::registry::{self, RegistryState};
use registry_auth_harness::scenario::Config;
use registry_auth_harness::substrate::{self, Substrate};
use registry_auth_vm::host::{Callout, CalloutAnswer, Clock, Fault};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

/// Ticks that a waiting request gets; the clock moves with each of them.
const PATIENCE: usize = 100;
/// Bytes of memory, most of it lost, that a copy may have to be used again.
const MOST_MEMORY: usize = 64 << 20;
const INTAKE: &[u8] = br#"{"intake": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}}}"#;

/// The built module on wasmtime.
pub(crate) struct Wasm {
    module: &'static Compiled,
    issuers: Issuers,
    verifies: bool,
    /// As in [`Setup`].
    plain: bool,
    clock: Clock,
    served: Vec<Served>,
}

/// A configuration's VM.
struct Served {
    vm: Vm,
    registry: RegistryState,
    /// A copy that was used, to be used again.
    copy: Option<Vm>,
}

impl Wasm {
    /// A host that has `verify_signature`, as Envoy does.
    ///
    /// # Errors
    /// The module is missing, too old or invalid.
    pub(crate) fn new() -> Result<Self> {
        Self::with(true, Clock::Ahead(0))
    }

    /// As [`Self::new`], with a clock that only ticks move, so that whatever is done twice comes
    /// out the same.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn stopped() -> Result<Self> {
        Self::with(true, Clock::At(substrate::now()))
    }

    /// A host that has no foreign function.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn bare() -> Result<Self> {
        Self::with(false, Clock::Ahead(0))
    }

    /// The module with every callback on a host that has the ABI and nothing of Envoy's own.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn full() -> Result<Self> {
        Ok(Self {
            module: Compiled::full()?,
            plain: true,
            ..Self::bare()?
        })
    }

    fn with(verifies: bool, clock: Clock) -> Result<Self> {
        Ok(Self {
            module: Compiled::built()?,
            issuers: Issuers::of_scenarios()?,
            verifies,
            plain: false,
            clock,
            served: Vec::new(),
        })
    }

    /// Returns what the VM of a configuration has logged.
    pub(crate) fn log(&self, config: usize) -> &[String] {
        self.served
            .get(config)
            .map_or(&[], |served| served.vm.log())
    }

    /// Sends a request to a copy of a configuration's VM, which has seen no request before; host
    /// calls go wrong, counted from there. A request that still waits gets a minute more, than
    /// which no patience is longer.
    ///
    /// # Errors
    /// There is no such configuration, or the module traps.
    pub(crate) fn try_on_copy(
        &mut self,
        config: usize,
        request: &Request,
        fault: Option<Fault>,
    ) -> Result<Trial> {
        const MINUTE: i64 = 60_000;
        let issuers = &self.issuers;
        let Served {
            vm: original,
            registry,
            copy,
        } = self
            .served
            .get_mut(config)
            .context("there is no such configuration")?;
        let used = copy
            .take()
            .and_then(|mut used| (used.memory() <= MOST_MEMORY).then_some(used));
        let mut vm = match used {
            Some(mut used) => {
                used.reset_to(original)?;
                used
            }
            None => original.copy()?,
        };
        let before = vm.host_calls().clone();
        vm.fail(fault);
        let id = vm.open(request)?;
        let mut progress = settle(&mut vm, id, issuers, registry)?;
        if progress == Progress::Waiting {
            vm.advance(MINUTE);
            progress = settle(&mut vm, id, issuers, registry)?;
        }
        vm.close(id)?;
        let since = |name: &str, count: u64| count - before.get(name).copied().unwrap_or_default();
        let host_calls = vm
            .host_calls()
            .iter()
            .map(|(name, count)| (*name, since(name, *count)));
        let host_calls = host_calls.filter(|(_, count)| *count > 0).collect();
        let trial = Trial {
            progress,
            host_calls,
            failed: vm.failed(),
        };
        // One that has trapped is not used again.
        *copy = Some(vm);
        Ok(trial)
    }

    /// The VM of a configuration.
    ///
    /// # Errors
    /// There is no such configuration.
    pub(crate) fn vm(&mut self, config: usize) -> Result<&mut Vm> {
        self.served
            .get_mut(config)
            .map(|served| &mut served.vm)
            .context("there is no such configuration")
    }
}

/// What became of a request to a copy.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    /// How far it has come.
    pub progress: Progress,
    /// How often each host call was made.
    pub host_calls: BTreeMap<&'static str, u64>,
    /// The host call that has gone wrong.
    pub failed: Option<&'static str>,
}

impl Wasm {
    /// As [`Substrate::serve`], with host calls that go wrong while the VM starts; also gives which
    /// has.
    ///
    /// # Errors
    /// As [`Substrate::serve`].
    pub(crate) fn serve_disturbed(
        &mut self,
        config: &Config,
        fault: Option<Fault>,
    ) -> Result<(usize, Option<&'static str>)> {
        let setup = Setup {
            fault,
            clock: self.clock,
            verifies: self.verifies,
            plain: self.plain,
            holds_bodies: config.holds_bodies,
            secured: config.is_secured(),
            ..Setup::of_scenarios(config.plugin.to_string().as_bytes())
        };
        let intake = Setup {
            shared: setup.shared.clone(),
            clock: setup.clock,
            ..Setup::of_scenarios(INTAKE)
        };
        let mut vm = Vm::start(self.module, setup)?;
        let failed = vm.failed();
        vm.fail(None);
        for (set, keys) in push::sets(
            &config.plugin,
            config.pushed.as_deref(),
            config.minting.as_deref(),
            config.login.as_ref(),
        )? {
            let mut intake = Vm::start(self.module, intake.clone())?;
            let id = intake.open(&push::request(&set, &keys, intake.now()))?;
            match intake.progress(id)? {
                Progress::Answered(Response { status: 200, .. }) => {}
                other => bail!("the intake did not take the keys: {other:?}"),
            }
            vm.tick()?;
        }
        self.served.push(Served {
            vm,
            registry: config.registry.clone(),
            copy: None,
        });
        Ok((self.served.len() - 1, failed))
    }
}

impl Substrate for Wasm {
    fn serve(&mut self, config: &Config) -> Result<usize> {
        Ok(self.serve_disturbed(config, None)?.0)
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn send(&mut self, config: usize, request: &Request) -> Result<Outcome> {
        let issuers = self.issuers.clone();
        let Served { vm, registry, .. } = self
            .served
            .get_mut(config)
            .context("there is no such configuration")?;
        let id = vm.open(request)?;
        let progress = settle(vm, id, &issuers, registry)?;
        vm.close(id)?;
        Ok(match progress {
            Progress::Answered(response) => Outcome::Answered(response),
            Progress::Forwarded(seen) => {
                let status = registry.answer(&seen.method, &seen.path, None).status;
                Outcome::Forwarded { seen, status }
            }
            Progress::Waiting => bail!(
                "it still waits after {PATIENCE} ticks\n{}",
                vm.log().join("\n")
            ),
        })
    }

    fn now(&self) -> UnixTime {
        self.clock.now()
    }
}

/// Answers callouts and ticks until a request is decided, or time is up.
fn settle(vm: &mut Vm, id: u32, issuers: &Issuers, registry: &RegistryState) -> Result<Progress> {
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
            let answer = respond(issuers, registry, &callout, vm.now())?;
            vm.answer(callout.token, answer)?;
        }
    }
    vm.progress(id)
}

/// What Envoy would bring back for a callout: an answer, 503 when the connection breaks, 504 after
/// the timeout.
///
/// # Errors
/// It goes to another cluster than `upstream`, `login` and `issuers`, or is no question.
pub(crate) fn respond(
    issuers: &Issuers,
    registry: &RegistryState,
    callout: &Callout,
    now: UnixTime,
) -> Result<CalloutAnswer> {
    let header = |name: &str| callout.header(name).unwrap_or_default();
    let (method, path) = (header(":method"), header(":path"));
    if callout.cluster == "upstream" {
        let registry::Answer {
            status,
            headers,
            body,
        } = registry.answer(&method, &path, Some(&header(":authority")));
        let mut answer = answer(status, None, body.unwrap_or_default().into_bytes());
        answer.headers.extend(
            headers
                .into_iter()
                .map(|(name, value)| (name.into(), value.into_bytes())),
        );
        return Ok(answer);
    }
    if callout.cluster == "login" {
        let authorization = header("authorization");
        let (question, _) = login::read(&method, &path, &authorization, &callout.body, now)?;
        let login::Answer {
            status,
            retry_after,
            body,
        } = login::answer(&question, now)?;
        let mut answer = answer(status, None, body);
        let retry_after = retry_after.map(|value| (b"retry-after".to_vec(), value.into_bytes()));
        answer.headers.extend(retry_after);
        return Ok(answer);
    }
    ensure!(
        callout.cluster == "issuers",
        "no scenario has a cluster `{}`",
        callout.cluster
    );
    Ok(match issuers.react(&header(":authority"), &path) {
        Reaction::Answer {
            status,
            cache_control,
            body,
            ..
        } => answer(status, cache_control, body),
        Reaction::Hang => answer(504, None, b"upstream request timeout".to_vec()),
        Reaction::Reset => answer(
            503,
            None,
            b"upstream connect error or disconnect/reset before headers".to_vec(),
        ),
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
