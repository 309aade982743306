//! Faults in host calls: errors, and wrong values.

use super::{HostState, Status};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The affected host calls, which may be those of WASI.
    pub calls: Calls,
    /// What they do instead of their work.
    pub failure: Failure,
}

/// A selection of host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// The call after this number of successful ones.
    After(u64),
    /// Every call with this name.
    Named(&'static str),
}

/// How a host call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It does nothing and returns this status.
    Status(Status),
    /// It returns success with a wrong value. Calls that return no bytes work as usual.
    Lie(Lie),
}

/// A wrong value.
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
    /// Bytes of the same length, each FF.
    Noise,
    /// The value, after a superfluous allocation.
    Spare,
}

impl Fault {
    /// One host call fails.
    #[must_use]
    pub const fn once(after: u64, status: Status) -> Self {
        Self {
            calls: Calls::After(after),
            failure: Failure::Status(status),
        }
    }

    /// A host call fails whenever it is made.
    #[must_use]
    pub const fn always(name: &'static str, status: Status) -> Self {
        Self {
            calls: Calls::Named(name),
            failure: Failure::Status(status),
        }
    }
}

impl HostState {
    /// Counts a host call; returns its failure if it is affected.
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
