//! The state of a proxy-wasm host: everything that the module's host calls read and write. One per
//! VM, no globals.

use std::collections::{BTreeMap, BTreeSet};

use registry_auth_engine::time::UnixTime;

use registry_auth_harness::shared::SharedData;
use registry_auth_harness::substrate;

mod fault;
pub(crate) mod foreign;
mod guest;
mod imports;
mod stream;
mod wasi;

pub use fault::{Calls, Failure, Fault, Lie};
pub(crate) use imports::link;
pub(crate) use stream::{Gate, Stream};

/// Header fields as a host keeps them, pseudo header fields first.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The status of a host call (proxy-wasm ABI 0.2.1, `proxy_status_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Success.
    Ok = 0,
    /// The object or key does not exist.
    NotFound = 1,
    /// An argument is invalid.
    BadArgument = 2,
    /// An address outside the guest's memory.
    InvalidMemoryAccess = 6,
    /// The value has been changed by another writer.
    CasMismatch = 8,
    /// The host has failed.
    InternalFailure = 10,
    /// The host does not implement the call.
    Unimplemented = 12,
    /// A value that no version of the ABI defines.
    Unheard = 99,
}

/// The host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The system clock, plus this number of milliseconds.
    Ahead(i64),
    /// Stopped.
    At(UnixTime),
}

impl Default for Clock {
    fn default() -> Self {
        Self::Ahead(0)
    }
}

impl Clock {
    /// Returns the current time.
    #[must_use]
    pub fn now(self) -> UnixTime {
        match self {
            Self::Ahead(millis) => {
                UnixTime::from_millis(substrate::now().millis().saturating_add(millis))
            }
            Self::At(time) => time,
        }
    }
}

/// An HTTP call of the module to a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// The id that the module got for it.
    pub token: u32,
    /// The context that gets the response.
    pub context: u32,
    /// Name of the cluster.
    pub cluster: String,
    /// Header fields, `:method`, `:path` and `:authority` among them.
    pub headers: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// The timeout in milliseconds.
    pub timeout: u32,
}

impl Callout {
    /// Returns the first value of a header field as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let field = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        field.map(|(_, value)| registry_auth_harness::upstream::latin1(value))
    }
}

/// The response to a [`Callout`]; without header fields it failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalloutAnswer {
    /// Header fields, `:status` first.
    pub headers: Fields,
    /// The body.
    pub body: Vec<u8>,
}

/// A metric of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) value: u64,
}

/// The state that the host calls of one VM use.
#[derive(Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what a host has and has not, each by itself"
)]
pub struct HostState {
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) plugin_configuration: Vec<u8>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) clusters: BTreeSet<String>,
    pub(crate) shared: SharedData,
    pub(crate) shares: bool,
    pub(crate) clock: Clock,
    pub(crate) verifies: bool,
    pub(crate) holds_bodies: bool,
    pub(crate) forwards: bool,
    pub(crate) plain: bool,
    /// What a plain host did not survive.
    pub(crate) fatal: Option<String>,
    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) roots: BTreeSet<u32>,
    pub(crate) effective: u32,
    pub(crate) callouts: BTreeMap<u32, Callout>,
    pub(crate) last_callout: u32,
    pub(crate) answer: Option<CalloutAnswer>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) tick: u32,
    pub(crate) log: Vec<String>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) fault: Option<Fault>,
    /// The last host call with an injected fault.
    pub(crate) failed: Option<&'static str>,
    /// What the current host call returns instead of its value.
    pub(crate) lie: Option<Lie>,
    pub(crate) random: u64,
}

impl HostState {
    /// Returns a copy with a separate copy of the shared data.
    pub(crate) fn copy(&self) -> Self {
        Self {
            shared: self.shared.copy(),
            ..self.clone()
        }
    }

    fn shared(&self) -> Result<&SharedData, Status> {
        if self.shares {
            Ok(&self.shared)
        } else {
            Err(Status::Unimplemented)
        }
    }

    fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        let own = self
            .streams
            .get(&self.effective)
            .and_then(|stream| stream.properties.get(path));
        own.or_else(|| self.properties.get(path)).cloned()
    }

    fn stream(&mut self) -> Result<&mut Stream, Status> {
        self.streams
            .get_mut(&self.effective)
            .ok_or(Status::BadArgument)
    }
}
