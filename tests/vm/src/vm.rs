//! A VM with one or more plugins, driven as Envoy drives it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_engine::time::UnixTime;
use wasmtime::{Instance, InstancePre, Store, TypedFunc, WasmParams, WasmResults};

use crate::host::{self, Callout, CalloutAnswer, Clock, Fault, Gate, HostState, Stream};
use crate::{Compiled, Setup};
use registry_auth_harness::client::{Request, Response};
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
        for start in ["_initialize", "_start"] {
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
            let accepted = self.call::<(u32, u32), u32>("proxy_on_vm_start", root, (root, 0))?;
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

    /// Opens a request and delivers it to the module, until the module pauses it.
    ///
    /// # Errors
    /// The module traps.
    pub fn open(&mut self, request: &Request) -> Result<u32> {
        self.open_under(ROOT, request)
    }

    /// As [`Self::open`], for a request to another plugin than the first.
    ///
    /// # Errors
    /// The module traps.
    pub fn open_under(&mut self, root: u32, request: &Request) -> Result<u32> {
        let id = self.create(root, request)?;
        self.begin(id)?;
        Ok(id)
    }

    /// Creates the context of a request without delivering it.
    ///
    /// # Errors
    /// The module traps.
    pub fn create(&mut self, root: u32, request: &Request) -> Result<u32> {
        let id = self.accept(request);
        self.call::<(u32, u32), ()>("proxy_on_context_create", id, (id, root))?;
        Ok(id)
    }

    /// A request that the module is not notified of.
    pub fn accept(&mut self, request: &Request) -> u32 {
        self.last_context += 1;
        let id = self.last_context;
        let state = self.store.data_mut();
        state
            .streams
            .insert(id, Stream::new(request, state.forwards));
        id
    }

    /// Delivers the request of a context to the module, until the module pauses it.
    ///
    /// # Errors
    /// The module traps.
    pub fn begin(&mut self, id: u32) -> Result<()> {
        self.begin_head(id)?;
        self.pump()
    }

    /// Delivers the head of a request to the module; its body follows with the next callback.
    ///
    /// # Errors
    /// The module traps.
    pub fn begin_head(&mut self, id: u32) -> Result<()> {
        if self.exports("proxy_on_request_headers") {
            let stream = self.stream(id)?;
            let (count, ended) = (
                u32::try_from(stream.headers.len())?,
                u32::from(stream.unread.is_empty()),
            );
            let action = self.call::<(u32, u32, u32), u32>(
                "proxy_on_request_headers",
                id,
                (id, count, ended),
            )?;
            let holds_bodies = self.store.data().holds_bodies;
            self.stream(id)?.gate = match action {
                CONTINUE => Gate::Open,
                STOP_ITERATION if holds_bodies => Gate::Closed,
                STOP_ITERATION => Gate::Head,
                2..=4 => Gate::Closed,
                other => bail!("the headers callback answered {other}"),
            };
        }
        Ok(())
    }

    /// Delivers the body of a request to the module without its head.
    ///
    /// # Errors
    /// The module traps.
    pub fn begin_with_body(&mut self, id: u32) -> Result<()> {
        self.stream(id)?.gate = Gate::Head;
        self.pump()
    }

    /// Returns the progress of a request.
    ///
    /// # Errors
    /// There is no such request.
    pub fn progress(&mut self, id: u32) -> Result<Progress> {
        let stream = self.stream(id)?;
        Ok(match &stream.reply {
            Some(reply) => Progress::Answered(stream.as_sent(reply)),
            None if stream.gate == Gate::Open && stream.ended => Progress::Forwarded(stream.seen()),
            None => Progress::Waiting,
        })
    }

    /// Ends a request: the client has received the response, or closed the connection.
    ///
    /// # Errors
    /// The module traps.
    pub fn close(&mut self, id: u32) -> Result<()> {
        self.end(id)?;
        self.store.data_mut().streams.remove(&id);
        Ok(())
    }

    /// Notifies the module that a context ends, through the callbacks that it exports.
    fn end(&mut self, id: u32) -> Result<()> {
        if self.exports("proxy_on_done") {
            self.call::<u32, u32>("proxy_on_done", id, id)?;
        }
        for callback in ["proxy_on_log", "proxy_on_delete"] {
            if self.exports(callback) {
                self.call::<u32, ()>(callback, id, id)?;
            }
        }
        Ok(())
    }

    /// Moves the clock by the tick period of the module and ticks, again as long as the module sets
    /// a shorter period. Does nothing if the period is 0.
    ///
    /// # Errors
    /// The module traps.
    pub fn tick(&mut self) -> Result<()> {
        let period = self.store.data().tick;
        if period == 0 || !self.exports("proxy_on_tick") {
            return Ok(());
        }
        self.advance(i64::from(period));
        self.tick_now()?;
        self.hurry(period)
    }

    fn tick_now(&mut self) -> Result<()> {
        for root in self.store.data().roots.clone() {
            self.call::<u32, ()>("proxy_on_tick", root, root)?;
        }
        self.pump()
    }

    /// Ticks as long as the module sets a shorter period than before, without moving the clock.
    fn hurry(&mut self, period: u32) -> Result<()> {
        while (1..period).contains(&self.store.data().tick) {
            self.tick_now()?;
        }
        Ok(())
    }

    /// Moves the clock forward by this number of milliseconds.
    pub fn advance(&mut self, millis: i64) {
        let clock = &mut self.store.data_mut().clock;
        *clock = match *clock {
            Clock::Ahead(ahead) => Clock::Ahead(ahead.saturating_add(millis)),
            Clock::At(time) => {
                Clock::At(UnixTime::from_millis(time.millis().saturating_add(millis)))
            }
        };
    }

    /// Returns the current time of the host's clock.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.store.data().clock.now()
    }

    /// Returns the HTTP calls without a response yet, oldest first.
    #[must_use]
    pub fn callouts(&self) -> Vec<Callout> {
        self.store.data().callouts.values().cloned().collect()
    }

    /// Delivers the response to an HTTP call, and ticks as long as the module sets a shorter period
    /// than before. Does nothing if its context has ended.
    ///
    /// # Errors
    /// There is no such callout, or the module traps.
    pub fn answer(&mut self, token: u32, answer: CalloutAnswer) -> Result<()> {
        let state = self.store.data_mut();
        let callout = state
            .callouts
            .remove(&token)
            .with_context(|| format!("there is no callout {token}"))?;
        if !state.roots.contains(&callout.context) && !state.streams.contains_key(&callout.context)
        {
            return Ok(());
        }
        let period = state.tick;
        let (headers, body) = (
            u32::try_from(answer.headers.len())?,
            u32::try_from(answer.body.len())?,
        );
        state.answer = Some(answer);
        let arguments = (callout.context, token, headers, body, 0);
        self.call::<(u32, u32, u32, u32, u32), ()>(
            "proxy_on_http_call_response",
            callout.context,
            arguments,
        )?;
        self.store.data_mut().answer = None;
        self.pump()?;
        self.hurry(period)
    }

    /// Injects a fault into host calls, counted from now.
    pub fn fail(&mut self, fault: Option<Fault>) {
        let state = self.store.data_mut();
        (state.fault, state.failed) = (fault, None);
    }

    /// Returns the host call that has failed since [`Self::fail`], if any.
    #[must_use]
    pub fn failed(&self) -> Option<&'static str> {
        self.store.data().failed
    }

    /// Returns how often each host call was made.
    #[must_use]
    pub fn host_calls(&self) -> &BTreeMap<&'static str, u64> {
        &self.store.data().counts
    }

    /// Returns the fuel used by all callbacks.
    #[must_use]
    pub const fn fuel_used(&self) -> u64 {
        self.fuel
    }

    /// Limits the fuel of all further callbacks together. The callback that runs out of it traps,
    /// with a backtrace in its error; the VM cannot be used after that.
    pub const fn ration(&mut self, fuel: u64) {
        self.allowance = Some(fuel);
    }

    /// Returns the value of a metric.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.store
            .data()
            .metrics
            .iter()
            .find(|metric| metric.name == name)
            .map(|metric| metric.value)
    }

    /// Returns the log of the module, `level: line`.
    #[must_use]
    pub fn log(&self) -> &[String] {
        &self.store.data().log
    }

    /// Sets an attribute of every request; the parts of `path` are joined as the ABI wants it.
    pub fn property(&mut self, path: &[&str], value: &[u8]) {
        self.store
            .data_mut()
            .properties
            .insert(path.join("\0").into_bytes(), value.to_vec());
    }

    /// Returns the size of the guest's memory in bytes.
    #[must_use]
    pub fn memory(&mut self) -> usize {
        self.instance
            .get_memory(&mut self.store, "memory")
            .map_or(0, |memory| memory.data_size(&self.store))
    }

    fn exports(&mut self, name: &str) -> bool {
        self.instance.get_func(&mut self.store, name).is_some()
    }

    fn stream(&mut self, id: u32) -> Result<&mut Stream> {
        self.store
            .data_mut()
            .streams
            .get_mut(&id)
            .with_context(|| format!("there is no request {id}"))
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

    /// Advances every request as far as its gate allows. A callback may open the gate of another
    /// request.
    fn pump(&mut self) -> Result<()> {
        let ids: Vec<u32> = self.store.data().streams.keys().copied().collect();
        for id in ids {
            while self.step(id)? {}
        }
        Ok(())
    }

    /// Advances a request by one step; returns false if it cannot advance now.
    fn step(&mut self, id: u32) -> Result<bool> {
        let stream = self.stream(id)?;
        if stream.reply.is_some() {
            return Ok(false);
        }
        if std::mem::take(&mut stream.resumed) {
            stream.open();
        }
        if stream.gate == Gate::Closed || stream.ended {
            return Ok(false);
        }
        self.show_body(id)?;
        Ok(true)
    }

    /// Delivers the next part of the body to the module. As in Envoy, a module without body
    /// callback lets it through, and the held head with it.
    fn show_body(&mut self, id: u32) -> Result<()> {
        let exported = self.exports("proxy_on_request_body");
        let stream = self.stream(id)?;
        let part: Vec<u8> = stream
            .unread
            .drain(..CHUNK.min(stream.unread.len()))
            .collect();
        stream.ended = stream.unread.is_empty();
        stream.visible = [std::mem::take(&mut stream.held), part].concat();
        let (size, ended) = (
            u32::try_from(stream.visible.len())?,
            u32::from(stream.ended),
        );
        // A request without body has no body callback: its end came with the headers.
        let action = if exported && size > 0 {
            self.call::<(u32, u32, u32), u32>("proxy_on_request_body", id, (id, size, ended))?
        } else if size == 0 && self.stream(id)?.gate == Gate::Head {
            STOP_ITERATION
        } else {
            CONTINUE
        };
        let stream = self.stream(id)?;
        stream.held = std::mem::take(&mut stream.visible);
        match action {
            CONTINUE => stream.open(),
            _ if stream.ended => stream.gate = Gate::Closed,
            _ => stream.gate = Gate::Head,
        }
        Ok(())
    }
}
