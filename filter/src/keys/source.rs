//! One source of keys, by how it is asked.

use registry_auth_engine::keys::cache::{Lack, SharedDataKey, Wanted};
use registry_auth_engine::keys::source::{Source, SourceId, SourceKind};

use super::callout_source::CalloutSource;
use super::current::Context;
use super::event::Event;
use super::pushed_source::PushedSource;
use super::supply::Supply;

/// Where the keys of one source come from.
pub(super) enum KeySource {
    /// The configuration; they never change.
    Inline,
    /// An issuer, by HTTP callouts.
    Callout(CalloutSource),
    /// The shim.
    Pushed(PushedSource),
}

impl KeySource {
    /// A source that has not been asked.
    pub(super) fn new(
        id: SourceId,
        source: &Source,
        shared_data_key: Option<&SharedDataKey>,
    ) -> Self {
        let supply = |leases| Supply::new(id, source.name.clone(), leases);
        match &source.kind {
            SourceKind::Inline(_) => Self::Inline,
            SourceKind::Callout(callout) => Self::Callout(CalloutSource::new(
                callout,
                source.max_stale,
                shared_data_key,
                supply,
            )),
            SourceKind::Pushed(set) => {
                Self::Pushed(PushedSource::new(set, false, source.max_stale, supply))
            }
            SourceKind::Signing(set) => {
                Self::Pushed(PushedSource::new(set, true, source.max_stale, supply))
            }
        }
    }

    /// Decides what a request can do that lacks a key, or all keys.
    pub(super) fn want(&mut self, lack: Lack, cx: &mut Context<'_>) -> Wanted {
        match self {
            Self::Inline => Wanted::Current,
            Self::Callout(source) => source.want(lack, cx),
            Self::Pushed(source) => source.want(lack, cx),
        }
    }

    /// The root context's turn: begins what is wanted or due, takes newer keys, drops keys that are
    /// too old.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Event {
        match self {
            Self::Inline => Event::None,
            Self::Callout(source) => source.turn(cx),
            Self::Pushed(source) => source.turn(cx),
        }
    }

    /// Reads the response to a callout; `None` if this source did not send it.
    pub(super) fn answer(
        &mut self,
        call: u32,
        body_size: usize,
        cx: &mut Context<'_>,
    ) -> Option<Event> {
        match self {
            Self::Callout(source) => source.answer(call, body_size, cx),
            Self::Inline | Self::Pushed(_) => None,
        }
    }
}
