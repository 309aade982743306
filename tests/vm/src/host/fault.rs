//! Host calls that fail, and hosts that lie.

use super::{HostState, Status};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which host calls, those of WASI among them.
    pub calls: Calls,
    /// What they do instead.
    pub failure: Failure,
}

/// Some host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// The call after this number of successful ones.
    After(u64),
    /// Each of this name.
    Named(&'static str),
}

/// How a host call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does nothing, and says so.
    Status(Status),
    /// It says that it worked, and hands over what it should not. One that hands over no bytes works.
    Lie(Lie),
}

/// What is handed over instead of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// No address and no bytes.
    Nothing,
    /// Bytes at no address.
    Nowhere,
    /// Bytes at an address that the module did not give.
    Elsewhere,
    /// More bytes than the module made room for.
    TooMany,
    /// As many bytes, each FF.
    Noise,
    /// The value, after room was made for another that nobody wanted.
    Spare,
}

impl Fault {
    /// One host call fails.
    #[must_use]
    pub const fn once(after: u64, status: Status) -> Self {
        Self { calls: Calls::After(after), failure: Failure::Status(status) }
    }

    /// A host call fails whenever it is made.
    #[must_use]
    pub const fn always(name: &'static str, status: Status) -> Self {
        Self { calls: Calls::Named(name), failure: Failure::Status(status) }
    }
}

impl HostState {
    /// Counts a host call; `Some` if it is to go wrong.
    pub(super) fn enter(&mut self, name: &'static str) -> Option<Failure> {
        *self.counts.entry(name).or_default() += 1;
        let Fault { calls, failure } = self.fault.as_mut()?;
        let failure = *failure;
        match calls {
            Calls::After(0) => self.fault = None,
            Calls::After(after) => {
                *after -= 1;
                return None;
            }
            Calls::Named(named) if *named == name => {}
            Calls::Named(_) => return None,
        }
        self.failed = Some(name);
        Some(failure)
    }
}
