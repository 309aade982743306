//! What became of an operation: a cell of the table.

use std::fmt;

use registry_auth_harness::front::Access;

use super::caller::Ended;
use super::table::Operation;

/// Maximum number of refusals of one operation: each of two blobs with and without a mount, and a
/// last look.
const PARALLEL: usize = 5;

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
    /// As `Refused`, but the client succeeded nonetheless.
    Retried(u16),
    /// The client failed, and nothing was refused.
    Failed,
}

impl Verdict {
    /// Judges by the exit status of the client and its requests about `repository`.
    pub(super) fn of(
        operation: Operation,
        repository: &str,
        ended: &Ended,
        accesses: &[Access],
    ) -> Self {
        if !ended.success {
            // Answers to parallel requests come in any order: the refusal that no credential cures
            // counts.
            let refusals: Vec<_> = accesses
                .iter()
                .map(|access| access.status)
                .filter(|status| *status >= 400)
                .collect();
            let first = [403, 401]
                .into_iter()
                .find(|status| refusals.contains(status));
            let Some(status) = first.or(refusals.last().copied()) else {
                return Self::Failed;
            };
            let times = refusals
                .iter()
                .filter(|refusal| **refusal == status)
                .count();
            return if times > PARALLEL {
                Self::Retried(status)
            } else {
                Self::Refused(status)
            };
        }
        let mount = |access: &Access| access.method == "POST" && access.status == 201;
        match operation {
            Operation::Login if accesses.is_empty() => Self::Stored,
            Operation::Mount if accesses.iter().any(mount) => Self::Mounted,
            Operation::Catalog if !ended.output.lines().any(|line| line.trim() == repository) => {
                Self::Partial
            }
            _ => Self::Done,
        }
    }

    /// Returns true if the client was kept from something that it may not do.
    pub(super) const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::Absent | Self::Stored | Self::Refused(401 | 403) | Self::Retried(401 | 403)
        )
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
            Self::Retried(status) => write!(formatter, "{status}, retried"),
            Self::Failed => formatter.write_str("failed"),
        }
    }
}

#[test]
fn a_verdict_is_how_a_client_ended_and_what_it_met() {
    let get = |status| Access {
        method: "GET".to_owned(),
        path: "/v2/".to_owned(),
        status,
    };
    let post = |status| Access {
        method: "POST".to_owned(),
        path: "/v2/a/blobs/uploads/".to_owned(),
        status,
    };
    let rows = [
        (
            Operation::Push,
            true,
            "",
            vec![get(401), post(202)],
            Verdict::Done,
        ),
        (Operation::Login, true, "", vec![], Verdict::Stored),
        (
            Operation::Login,
            true,
            "",
            vec![get(401), get(200)],
            Verdict::Done,
        ),
        (
            Operation::Mount,
            true,
            "",
            vec![post(201), post(202)],
            Verdict::Mounted,
        ),
        (Operation::Mount, true, "", vec![post(202)], Verdict::Done),
        (
            Operation::Catalog,
            true,
            "team/app\n",
            vec![get(200)],
            Verdict::Done,
        ),
        (
            Operation::Catalog,
            true,
            "team/app-mounted\n",
            vec![get(200)],
            Verdict::Partial,
        ),
        (
            Operation::Push,
            false,
            "",
            vec![post(403), get(401)],
            Verdict::Refused(403),
        ),
        (
            Operation::Push,
            false,
            "",
            vec![post(403); 10],
            Verdict::Retried(403),
        ),
        (
            Operation::Pull,
            false,
            "",
            vec![get(401), get(404)],
            Verdict::Refused(401),
        ),
        (
            Operation::Pull,
            false,
            "",
            vec![get(404)],
            Verdict::Refused(404),
        ),
        (Operation::Pull, false, "", vec![get(200)], Verdict::Failed),
    ];
    for (operation, success, output, accesses, expected) in rows {
        let ended = Ended {
            success,
            output: output.to_owned(),
        };
        assert_eq!(
            Verdict::of(operation, "team/app", &ended, &accesses),
            expected,
            "{operation:?} {accesses:?}"
        );
    }
}
