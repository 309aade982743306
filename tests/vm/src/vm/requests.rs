//! Requests to the module: their contexts, heads, bodies and ends.

use anyhow::{Context as _, Result, bail};

use super::{CHUNK, CONTINUE, Progress, ROOT, STOP_ITERATION, Vm};
use crate::host::{Gate, Stream};
use registry_auth_harness::client::Request;

impl Vm {
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
                4 if self.store.data().plain => bail!("the ABI has no action 4"),
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
    pub(super) fn end(&mut self, id: u32) -> Result<()> {
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

    pub(super) fn stream(&mut self, id: u32) -> Result<&mut Stream> {
        self.store
            .data_mut()
            .streams
            .get_mut(&id)
            .with_context(|| format!("there is no request {id}"))
    }

    /// Advances every request as far as its gate allows. A callback may open the gate of another
    /// request.
    pub(super) fn pump(&mut self) -> Result<()> {
        let ids: Vec<u32> = self.store.data().streams.keys().copied().collect();
        for id in ids {
            while self.step(id)? {}
        }
        Ok(())
    }

    /// Advances a request by one step; returns false if it cannot advance now.
    pub(super) fn step(&mut self, id: u32) -> Result<bool> {
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
    pub(super) fn show_body(&mut self, id: u32) -> Result<()> {
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
