//! Requests as the host knows them, and what the module may ask of them.

use std::collections::BTreeMap;

use proxy_wasm_host::abi::v0_2_1::types::{Action, BufferType, MapType, Status, StreamType};
use proxy_wasm_host::abi::v0_2_1::{Access, Invocation, LocalResponse, StreamState};
use proxy_wasm_host::{Buffer, HeaderMap, HeaderMapExt as _, VecHeaderMap};

use crate::line::{self, Progress};

/// The most bytes of a body that one callback gets.
const CHUNK: usize = 16 * 1024;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    /// Nothing.
    Open,
    /// The module has paused it in the headers callback, and the body waits too.
    Head,
    /// The module has paused it: what is shown of the body is kept.
    Body,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Stream {
    headers: VecHeaderMap,
    /// Not shown to the module yet.
    unread: Vec<u8>,
    /// Shown to the module and kept, or being shown.
    visible: Vec<u8>,
    /// On its way to the upstream.
    sent: Vec<u8>,
    gate: Gate,
    resumed: bool,
    answer: Option<LocalResponse<'static>>,
}

impl Stream {
    /// A request that the module knows nothing of.
    pub(crate) fn new(headers: Vec<(Vec<u8>, Vec<u8>)>, body: Vec<u8>) -> Self {
        Self {
            headers: headers.into(),
            unread: body,
            visible: Vec::new(),
            sent: Vec::new(),
            gate: Gate::Head,
            resumed: false,
            answer: None,
        }
    }

    /// Number of header fields, and whether there is no body.
    pub(crate) fn head(&self) -> (u32, bool) {
        let count = u32::try_from(self.headers.len()).unwrap_or(u32::MAX);
        (count, self.unread.is_empty())
    }

    /// Takes what the headers callback has answered.
    pub(crate) fn head_shown(&mut self, action: Action, holds_bodies: bool) {
        if action == Action::Continue {
            self.gate = Gate::Open;
        } else if !holds_bodies {
            self.gate = Gate::Body;
        }
    }

    /// The size of the next part of the body with what was kept, and whether it is the last; absent if there is none or
    /// it must wait.
    pub(crate) fn next_part(&mut self) -> Option<(u32, bool)> {
        if std::mem::take(&mut self.resumed) {
            self.gate = Gate::Open;
            self.sent.append(&mut self.visible);
        }
        if self.answer.is_some() || self.gate == Gate::Head || self.unread.is_empty() {
            return None;
        }
        let part = self.unread.drain(..CHUNK.min(self.unread.len()));
        self.visible.extend(part);
        Some((
            u32::try_from(self.visible.len()).unwrap_or(u32::MAX),
            self.unread.is_empty(),
        ))
    }

    /// Takes what the body callback has answered.
    pub(crate) fn part_shown(&mut self, action: Action) {
        if action == Action::Continue {
            self.gate = Gate::Open;
            self.sent.append(&mut self.visible);
        } else {
            self.gate = Gate::Body;
        }
    }

    /// How far it has come.
    pub(crate) fn progress(&self) -> Progress {
        if let Some(answer) = &self.answer {
            Progress::Answered {
                status: answer.status_code,
                headers: line::fields(&answer.headers),
                body: line::text(&answer.body),
            }
        } else if self.gate == Gate::Open && self.unread.is_empty() {
            Progress::Forwarded {
                headers: line::fields(&self.headers.pairs()),
                body: line::text(&self.sent),
            }
        } else {
            Progress::Waiting
        }
    }
}

/// All requests of a VM. A response to a callout may let another request go on than the one that waited first.
#[derive(Debug, Default)]
pub(crate) struct Streams(pub(crate) BTreeMap<u32, Stream>);

impl Streams {
    fn of(&mut self, call: Invocation, missing: Status) -> Result<&mut Stream, Status> {
        self.0.get_mut(&call.context.get()).ok_or(missing)
    }
}

impl StreamState for Streams {
    fn header_map(
        &mut self,
        call: Invocation,
        _: Access,
        map: MapType,
    ) -> Result<&mut dyn HeaderMap, Status> {
        match map {
            MapType::HttpRequestHeaders => Ok(&mut self.of(call, Status::BadArgument)?.headers),
            _ => Err(Status::BadArgument),
        }
    }

    fn buffer(
        &mut self,
        call: Invocation,
        _: Access,
        buffer: BufferType,
    ) -> Result<&mut dyn Buffer, Status> {
        match buffer {
            BufferType::HttpRequestBody => Ok(&mut self.of(call, Status::NotFound)?.visible),
            _ => Err(Status::NotFound),
        }
    }

    fn continue_stream(&mut self, call: Invocation, stream: StreamType) -> Result<(), Status> {
        if stream != StreamType::HttpRequest {
            return Err(Status::Unimplemented);
        }
        self.of(call, Status::BadArgument)?.resumed = true;
        Ok(())
    }

    fn send_local_response(
        &mut self,
        call: Invocation,
        response: LocalResponse<'_>,
    ) -> Result<(), Status> {
        self.of(call, Status::BadArgument)?.answer = Some(response.into_owned());
        Ok(())
    }

    /// The host has no attributes but those that the crate answers itself.
    fn property(&mut self, _: Invocation, _: &[&[u8]], _: &mut Vec<u8>) -> Result<(), Status> {
        Err(Status::NotFound)
    }
}
