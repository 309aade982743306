//! Failures of what the filter depends on, in the real Envoy under load; `docs/faults.md` has the
//! results.

mod alerts;
mod callers;
mod crowd;
mod foreign;
mod issuers;
mod page;
mod policy;
mod proxy;
mod rotation;
mod secrets;
mod shim;
mod trial;
mod vm;

use registry_auth_harness::module;

use self::page::Page;
use crate::Outcome;

#[test]
fn failures_around_envoy_come_out_as_their_page_says() -> Outcome {
    let mut page = Page::default();
    issuers::try_all(&mut page)?;
    shim::try_all(&mut page)?;
    policy::try_all(&mut page)?;
    if module::is_native() {
        // There is no VM, and no other plugin in its store.
        return Ok(page.check_part()?);
    }
    vm::try_all(&mut page)?;
    Ok(page.check()?)
}
