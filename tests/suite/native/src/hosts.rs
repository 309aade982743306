//! The rows of `tests/hosts` on the engine, and the page that shows what came of them elsewhere.

use std::fs;

use anyhow::{Context as _, anyhow};
use registry_auth_cases::Outcome;
use registry_auth_harness::hosts;
use registry_auth_harness::module::workspace;
use registry_auth_harness::native::Native;
use registry_auth_harness::substrate::run;

const PAGE: &str = "docs/hosts.md";
/// The generated part of the page is between these lines.
const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- end of what is measured -->\n";

/// What hosts are compared with is right.
#[test]
fn rows_of_hosts_native() -> Outcome {
    Ok(run(&mut Native::new()?, &hosts::sets()?)?)
}

#[test]
fn the_page_of_hosts_holds_what_was_measured() -> Outcome {
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).context(PAGE)?;
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| {
        let (table, after) = rest.split_once(END)?;
        Some((before, table, after))
    });
    let Some((before, table, after)) = parts else {
        return Err(anyhow!("{PAGE} lacks `{BEGIN}` or `{END}`").into());
    };
    let wanted = hosts::table(&hosts::written()?);
    if std::env::var_os(hosts::RENEW).is_some() {
        let page = [before, BEGIN, &wanted, END, after].concat();
        return Ok(fs::write(path, page).context(PAGE)?);
    }
    assert!(
        table == wanted,
        "the table of {PAGE} should be\n\n{wanted}\n`{}=1 cargo test -p registry-auth-suite-native hosts` writes it",
        hosts::RENEW
    );
    Ok(())
}
