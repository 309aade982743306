//! What the engines of two configurations say of a difference.

use registry_auth_engine::access::Action;
use registry_auth_engine::authz::Permission;
use registry_auth_engine::engine::{Engine, Principal};
use registry_auth_engine::{RequestHead, UnixTime};
use serde_json::Map;

use super::{Side, Who, Witness};

/// The tag of samples.
pub(super) const TAG: &str = "v1";

/// Returns whether each engine grants it.
pub(super) fn asked(sides: [Side<'_>; 2], who: &Who, witness: &Witness) -> [bool; 2] {
    sides.map(|side| is_granted(side.engine, who, witness))
}

fn is_granted(engine: &Engine, who: &Who, witness: &Witness) -> bool {
    let groups = witness.groups.clone();
    let principal = match (&witness.user, who) {
        (None, _) => Principal::Anonymous,
        (Some(name), Who::Configured(_)) => Principal::User {
            name: name.clone(),
            groups,
        },
        (Some(name), _) => Principal::Mapped {
            name: name.clone(),
            groups,
            claims: Map::new(),
        },
    };
    let permission = Permission {
        action: witness.action,
        repository: &witness.repository,
        reference: if witness.action == Action::Create {
            ""
        } else {
            TAG
        },
    };
    let head = RequestHead::default();
    // Conditions are not what the question is about.
    let now = UnixTime::from_secs(0);
    engine
        .permits(&principal, &permission, &head, now)
        .is_granted()
}
