//! The root contexts of this VM. Hosts may run several plugin configurations in one VM, old and new
//! ones during a reload among them; each decides its own requests.

use std::cell::RefCell;

use crate::host;
use crate::role::{Role, RootEvent};

thread_local! {
    static ROOTS: RefCell<Vec<Root>> = const { RefCell::new(Vec::new()) };
}

struct Root {
    id: u32,
    role: Role,
    /// Former roles, as long as requests wait for them: each is decided by the configuration that
    /// it came under.
    retired: Vec<Role>,
}

impl Root {
    fn roles(&self) -> impl Iterator<Item = &Role> {
        // The current role comes last: what it says about the next tick is what the host hears
        // last.
        self.retired.iter().chain([&self.role])
    }
}

/// Adds a root context without configuration.
pub(crate) fn add(id: u32) {
    ROOTS.with_borrow_mut(|roots| {
        roots.push(Root {
            id,
            role: Role::Unconfigured,
            retired: Vec::new(),
        });
    });
}

/// Removes a root context.
pub(crate) fn remove(id: u32) {
    let removed = ROOTS.with_borrow_mut(|roots| {
        let index = roots.iter().position(|root| root.id == id)?;
        Some(roots.swap_remove(index))
    });
    // What ends with it makes host calls.
    drop(removed);
}

/// Gives a root context a new role.
pub(crate) fn set_role(id: u32, role: Role) {
    let former = ROOTS.with_borrow_mut(|roots| {
        let root = roots.iter_mut().find(|root| root.id == id)?;
        let former = std::mem::replace(&mut root.role, role);
        if former.is_idle() {
            return Some(former);
        }
        root.retired.push(former);
        None
    });
    drop(former);
}

/// Returns the role that decides new requests of a root context.
pub(crate) fn role(id: u32) -> Option<Role> {
    ROOTS.with_borrow(|roots| {
        roots
            .iter()
            .find(|root| root.id == id)
            .map(|root| root.role.clone())
    })
}

/// Returns the role that a request came under, if the request is not done.
pub(crate) fn holder(context: u32) -> Option<Role> {
    ROOTS.with_borrow(|roots| {
        roots
            .iter()
            .flat_map(Root::roles)
            .find(|role| role.holds(context))
            .cloned()
    })
}

/// Returns the other root contexts.
#[cfg(target_arch = "wasm32")]
pub(crate) fn others(id: u32) -> Vec<u32> {
    ROOTS.with_borrow(|roots| {
        roots
            .iter()
            .map(|root| root.id)
            .filter(|other| *other != id)
            .collect()
    })
}

/// Handles an event of a root context; unknown ids are ignored.
pub(crate) fn handle(id: u32, event: RootEvent) {
    let roles: Vec<Role> = ROOTS.with_borrow(|roots| {
        let root = roots.iter().find(|root| root.id == id);
        root.into_iter().flat_map(Root::roles).cloned().collect()
    });
    for (index, role) in roles.iter().enumerate() {
        // What came before may have made host calls for its requests.
        if index == 0 || host::become_context(id).is_ok() {
            role.handle(event);
        }
    }
    drop(roles);
    let idle: Vec<Role> = ROOTS.with_borrow_mut(|roots| {
        let root = roots.iter_mut().find(|root| root.id == id);
        root.map(|root| root.retired.extract_if(.., |role| role.is_idle()).collect())
            .unwrap_or_default()
    });
    drop(idle);
}
