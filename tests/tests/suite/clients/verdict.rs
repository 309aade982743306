//! What became of an operation: a cell of the table.

use std::fmt;

use registry_auth_tests::front::Access;

use super::caller::Ended;
use super::table::Operation;

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The client has no such operation.
    Absent,
    Done,
    /// A login that asked nobody.
    Stored,
    /// A copy for which a blob was mounted: an upload would have been answered with 202.
    Mounted,
    /// A catalog without the caller's own repository.
    Partial,
    /// The client failed after a refusal with this status.
    Refused(u16),
    /// The client failed, and nothing was refused.
    Failed,
}

impl Verdict {
    /// Judges by how the client ended and what it had asked about `repository`.
    pub(super) fn of(operation: Operation, repository: &str, ended: &Ended, accesses: &[Access]) -> Self {
        if !ended.success {
            // Answers to parallel requests come in any order: the refusal that no credential cures counts.
            let refusals: Vec<_> =
                accesses.iter().map(|access| access.status).filter(|status| *status >= 400).collect();
            let first = [403, 401].into_iter().find(|status| refusals.contains(status));
            return first.or(refusals.last().copied()).map_or(Self::Failed, Self::Refused);
        }
        let mount = |access: &Access| access.method == "POST" && access.status == 201;
        match operation {
            Operation::Login if accesses.is_empty() => Self::Stored,
            Operation::Mount if accesses.iter().any(mount) => Self::Mounted,
            Operation::Catalog if !ended.output.lines().any(|line| line.trim() == repository) => Self::Partial,
            _ => Self::Done,
        }
    }

    /// Whether the client was kept from something that it may not do.
    pub(super) const fn is_refusal(self) -> bool {
        matches!(self, Self::Absent | Self::Stored | Self::Refused(401 | 403))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("-"),
            Self::Done => formatter.write_str("yes"),
            Self::Stored => formatter.write_str("stored"),
            Self::Mounted => formatter.write_str("mounted"),
            Self::Partial => formatter.write_str("part"),
            Self::Refused(status) => write!(formatter, "{status}"),
            Self::Failed => formatter.write_str("failed"),
        }
    }
}
