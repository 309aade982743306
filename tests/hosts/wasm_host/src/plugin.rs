//! A plugin in a VM of its own.

use std::borrow::Cow;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use proxy_wasm_host::abi::v0_2_1::{
    CallScope, ContextId, Guest, GuestError, Host, HttpCallResponse, InMemoryStore, PluginConfig,
    Started, StreamKind, VmServices,
};
use proxy_wasm_host::{Limits, Module};

use crate::line::{self, Fields, Progress, Report};
use crate::services::Desk;
use crate::stream::{Stream, Streams};

/// A VM with one plugin.
pub(crate) struct Plugin {
    guest: Guest,
    root: ContextId,
    desk: Arc<Desk>,
    streams: Streams,
    holds_bodies: bool,
    /// The request that was sent last.
    last: Option<ContextId>,
}

impl Plugin {
    /// Starts the module and configures it. The report has the log, also where this fails.
    ///
    /// # Errors
    /// The module cannot be instantiated, traps, or refuses to start or its configuration.
    pub(crate) fn start(
        host: &Host,
        module: &Module,
        shared: &Arc<InMemoryStore>,
        configuration: &str,
        environment: &Fields,
        holds_bodies: bool,
    ) -> Result<Self> {
        let desk = Arc::new(Desk::default());
        let services = VmServices::new(desk.clone())
            .with_callouts(desk.clone())
            .with_shared(shared.clone())
            .with_environment(line::pairs(environment)?);
        let mut guest = Guest::new(host, module, services, &Limits::default())?;
        let plugin = PluginConfig::new().with_configuration(line::bytes(configuration)?);
        match guest.start(plugin)? {
            Started::Serving(root) => Ok(Self {
                guest,
                root,
                desk,
                streams: Streams::default(),
                holds_bodies,
                last: None,
            }),
            Started::Refused { callback, .. } => {
                bail!(
                    "the module refuses in {callback:?}\n{}",
                    desk.take().0.join("\n")
                )
            }
        }
    }

    /// Sends a request, as far as the module lets it go.
    ///
    /// # Errors
    /// The module traps, or answers what the ABI does not have.
    pub(crate) fn request(&mut self, headers: &Fields, body: &str) -> Result<()> {
        let stream = Stream::new(line::pairs(headers)?, line::bytes(body)?);
        let (count, ended) = stream.head();
        let root = self.root;
        let id = self.enter(|scope| {
            let id = scope.on_context_create(Some(root))?;
            scope.expect_stream_kind(id, StreamKind::Http)?;
            Ok::<_, GuestError>(id)
        })?;
        self.last = Some(id);
        self.streams.0.insert(id.get(), stream);
        let action = self.enter(|scope| scope.on_request_headers(id, count, ended))?;
        let holds_bodies = self.holds_bodies;
        self.stream(id)?.head_shown(action, holds_bodies);
        self.pump()
    }

    /// Brings the response to a callout.
    ///
    /// # Errors
    /// There is no such callout; the module traps.
    pub(crate) fn answer(&mut self, callout: u32, headers: &Fields, body: &str) -> Result<()> {
        let (callout, context) = self
            .desk
            .close(callout)
            .context("there is no such callout")?;
        let headers = line::pairs(headers)?;
        let headers = headers
            .into_iter()
            .map(|(name, value)| (Cow::Owned(name), Cow::Owned(value)));
        let response = HttpCallResponse::received(headers.collect()).with_body(line::bytes(body)?);
        self.enter(|scope| scope.on_http_call_response(context, callout, response))?;
        self.pump()
    }

    /// Lets the timer fire.
    ///
    /// # Errors
    /// The module traps.
    pub(crate) fn tick(&mut self) -> Result<()> {
        let root = self.root;
        self.enter(|scope| scope.on_tick(root))?;
        self.pump()
    }

    /// Ends the request that was sent last.
    ///
    /// # Errors
    /// There is none; the module traps.
    pub(crate) fn close(&mut self) -> Result<()> {
        let id = self.last.take().context("there is no request")?;
        self.enter(|scope| {
            ensure!(scope.on_done(id)?, "the module wants to finish later");
            scope.on_log(id)?;
            scope.on_delete(id)?;
            Ok(())
        })?;
        self.streams.0.remove(&id.get());
        Ok(())
    }

    /// What has come of it.
    pub(crate) fn report(&self) -> Report {
        let (log, callouts) = self.desk.take();
        Report {
            error: None,
            progress: self.progress(),
            callouts,
            log,
        }
    }

    fn progress(&self) -> Option<Progress> {
        let stream = self.streams.0.get(&self.last?.get())?;
        Some(stream.progress())
    }

    /// Shows the bodies of all requests, as far as the module lets them go.
    fn pump(&mut self) -> Result<()> {
        let ids: Vec<u32> = self.streams.0.keys().copied().collect();
        for id in ids {
            let id = ContextId::try_from(id)?;
            while let Some((size, ended)) = self.stream(id)?.next_part() {
                let action = self.enter(|scope| scope.on_request_body(id, size, ended))?;
                self.stream(id)?.part_shown(action);
            }
        }
        Ok(())
    }

    fn stream(&mut self, id: ContextId) -> Result<&mut Stream> {
        self.streams
            .0
            .get_mut(&id.get())
            .context("there is no such request")
    }

    /// Runs callbacks, with all requests in reach of the module.
    fn enter<T, E: Into<anyhow::Error>>(
        &mut self,
        callbacks: impl FnOnce(&mut CallScope<'_, Streams>) -> Result<T, E>,
    ) -> Result<T> {
        let streams = std::mem::take(&mut self.streams);
        let (answer, streams) = self.guest.with(streams, callbacks);
        self.streams = streams;
        answer.map_err(Into::into)
    }
}
