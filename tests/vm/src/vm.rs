//! A VM with one or more plugins, driven as Envoy drives it.

mod callouts;
mod observed;
mod requests;
mod time;

use anyhow::{Context as _, Result, bail, ensure};
use wasmtime::{Instance, InstancePre, Store, TypedFunc, Val, WasmParams, WasmResults};

use crate::host::{self, HostState};
use crate::{Compiled, Setup};
use registry_auth_harness::client::Response;
use registry_auth_harness::upstream::UpstreamRequest;

/// Fuel for one callback, to stop endless loops.
const FUEL: u64 = 100_000_000_000;
/// Maximum number of bytes of a body per callback.
const CHUNK: usize = 16 * 1024;
/// `proxy_action_t`, the result of the headers callback.
const CONTINUE: u32 = 0;
const STOP_ITERATION: u32 = 1;
/// Maximum number of requests that one callback may end: Envoy ends them after it, each within the
/// end of the one before.
const MOST_ENDED: u64 = 100;
/// The id of the root context.
pub(crate) const ROOT: u32 = 1;

/// The progress of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It reached the upstream with its whole body.
    Forwarded(UpstreamRequest),
    /// The module sent a local reply.
    Answered(Response),
    /// The module has paused it.
    Waiting,
}

/// A VM that runs a module with a configured plugin.
pub struct Vm {
    pre: InstancePre<HostState>,
    store: Store<HostState>,
    instance: Instance,
    last_context: u32,
    fuel: u64,
    /// Fuel for all further callbacks together.
    allowance: Option<u64>,
}

impl Vm {
    /// Starts the module and configures the plugin.
    ///
    /// # Errors
    /// The module traps, imports what the host does not have, or refuses the configuration; the
    /// message ends with its log.
    pub fn start(module: &Compiled, setup: Setup) -> Result<Self> {
        let pre = host::link(&module.module)?.instantiate_pre(&module.module)?;
        let configuration_size = u32::try_from(setup.configuration.len())?;
        let mut store = Store::new(&module.engine, HostState::new(setup));
        store.set_fuel(FUEL)?;
        let instance = pre.instantiate(&mut store)?;
        let mut vm = Self {
            pre,
            store,
            instance,
            last_context: ROOT,
            fuel: 0,
            allowance: None,
        };
        let plain = vm.store.data().plain;
        for start in ["_initialize", "_start"] {
            if plain && start == "_initialize" {
                continue;
            }
            if vm.exports(start) {
                vm.call::<(), ()>(start, 0, ())?;
                break;
            }
        }
        vm.start_root(ROOT, configuration_size)?;
        Ok(vm)
    }

    fn start_root(&mut self, root: u32, configuration_size: u32) -> Result<()> {
        self.call::<(u32, u32), ()>("proxy_on_context_create", root, (root, 0))?;
        if self.exports("proxy_on_vm_start") {
            let context = if self.store.data().plain { 0 } else { root };
            let accepted = self.call::<(u32, u32), u32>("proxy_on_vm_start", root, (context, 0))?;
            ensure!(
                accepted != 0,
                "the module refused to start\n{}",
                self.log().join("\n")
            );
        }
        self.configure_root(root, configuration_size)
    }

    fn configure_root(&mut self, root: u32, configuration_size: u32) -> Result<()> {
        if self.exports("proxy_on_configure") {
            let accepted = self.call::<(u32, u32), u32>(
                "proxy_on_configure",
                root,
                (root, configuration_size),
            )?;
            ensure!(
                accepted != 0,
                "the module refused the configuration\n{}",
                self.log().join("\n")
            );
        }
        Ok(())
    }

    /// Configures a further plugin in the same VM and returns its root context.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn add_plugin(&mut self, configuration: &[u8]) -> Result<u32> {
        self.last_context += 1;
        let root = self.last_context;
        let state = self.store.data_mut();
        state.plugin_configuration = configuration.to_vec();
        state.roots.insert(root);
        self.start_root(root, u32::try_from(configuration.len())?)?;
        Ok(root)
    }

    /// Replaces the configuration of a plugin.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn reconfigure(&mut self, root: u32, configuration: &[u8]) -> Result<()> {
        self.store.data_mut().plugin_configuration = configuration.to_vec();
        self.configure_root(root, u32::try_from(configuration.len())?)
    }

    /// Ends a plugin without requests.
    ///
    /// # Errors
    /// The module traps.
    pub fn remove_plugin(&mut self, root: u32) -> Result<()> {
        self.end(root)?;
        self.store.data_mut().roots.remove(&root);
        Ok(())
    }

    /// Returns an independent copy, shared data included. Between callbacks the whole state of the
    /// module is in its memory.
    ///
    /// # Errors
    /// Memory cannot be allocated.
    pub fn copy(&mut self) -> Result<Self> {
        let mut store = Store::new(self.pre.module().engine(), HostState::default());
        store.set_fuel(FUEL)?;
        let instance = self.pre.instantiate(&mut store)?;
        let mut copy = Self {
            pre: self.pre.clone(),
            store,
            instance,
            ..*self
        };
        copy.reset_to(self)?;
        Ok(copy)
    }

    /// Becomes a copy of another VM of the same module, at a lower cost than a new one. If it has
    /// more memory than the other, the rest is not visible to the module.
    ///
    /// # Errors
    /// As [`Self::copy`].
    pub fn reset_to(&mut self, other: &mut Self) -> Result<()> {
        const PAGE: usize = 4096;
        let from = other
            .instance
            .get_memory(&mut other.store, "memory")
            .context("the module has no memory")?;
        let to = self
            .instance
            .get_memory(&mut self.store, "memory")
            .context("the module has no memory")?;
        let missing = from.size(&other.store).saturating_sub(to.size(&self.store));
        to.grow(&mut self.store, missing)?;
        let pages = to
            .data_mut(&mut self.store)
            .chunks_mut(PAGE)
            .zip(from.data(&other.store).chunks(PAGE));
        // Writing to a page costs much more than reading it.
        pages
            .filter(|(to, from)| to != from)
            .for_each(|(to, from)| to.copy_from_slice(from));
        *self.store.data_mut() = other.store.data().copy();
        self.last_context = other.last_context;
        Ok(())
    }

    /// Limits the fuel of all further callbacks together. The callback that runs out of it traps,
    /// with a backtrace in its error; the VM cannot be used after that.
    pub const fn ration(&mut self, fuel: u64) {
        self.allowance = Some(fuel);
    }

    /// Calls a callback for a context, which need not exist, with one number for all other
    /// arguments. Returns its result, if it has one.
    ///
    /// # Errors
    /// There is no such callback, or the module traps.
    pub fn callback(&mut self, name: &str, context: u32, rest: u32) -> Result<Option<u32>> {
        let function = self
            .instance
            .get_func(&mut self.store, name)
            .with_context(|| format!("there is no `{name}`"))?;
        let ty = function.ty(&self.store);
        let number = |index| if index == 0 { context } else { rest };
        let arguments: Vec<Val> = (0..ty.params().len())
            .map(|index| Val::I32(number(index).cast_signed()))
            .collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        self.store.data_mut().effective = context;
        self.store.set_fuel(FUEL)?;
        function
            .call(&mut self.store, &arguments, &mut results)
            .map_err(anyhow::Error::from)
            .with_context(|| format!("`{name}` trapped"))?;
        Ok(results.first().and_then(Val::i32).map(i32::cast_unsigned))
    }

    fn exports(&mut self, name: &str) -> bool {
        self.instance.get_func(&mut self.store, name).is_some()
    }

    fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        name: &str,
        context: u32,
        arguments: P,
    ) -> Result<R> {
        let function: TypedFunc<P, R> = self.instance.get_typed_func(&mut self.store, name)?;
        self.store.data_mut().effective = context;
        let ended = self.ended();
        let fuel = self.allowance.map_or(FUEL, |allowance| allowance.min(FUEL));
        self.store.set_fuel(fuel)?;
        let result = function.call(&mut self.store, arguments);
        let used = fuel - self.store.get_fuel()?;
        self.fuel += used;
        self.allowance = self
            .allowance
            .map(|allowance| allowance - used.min(allowance));
        let ended = self.ended() - ended;
        ensure!(
            ended <= MOST_ENDED,
            "`{name}` ended {ended} requests: more than the stack of Envoy holds"
        );
        if let Some(fatal) = &self.store.data().fatal {
            bail!("`{name}`: the host does not survive it: {fatal}");
        }
        result.map_err(anyhow::Error::from).with_context(|| {
            let log = self.log();
            format!(
                "`{name}` trapped; the last of its log:\n{}",
                log.get(log.len().saturating_sub(5)..)
                    .unwrap_or_default()
                    .join("\n")
            )
        })
    }

    /// Number of times that a request was answered or resumed.
    fn ended(&self) -> u64 {
        let calls = self.host_calls();
        ["proxy_send_local_response", "proxy_continue_stream"]
            .iter()
            .filter_map(|call| calls.get(call))
            .sum()
    }
}
