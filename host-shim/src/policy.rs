//! The engine of a configuration, and what its own tests say of it.

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{ConfigError, Diagnostics};
use registry_auth_engine::engine::Engine;
use registry_auth_policy::tests;

use crate::clock::wall_clock;
use crate::inline::Inlined;

/// Compiles a document that the filter gets, with the files that it names; `None` if there are
/// errors.
pub(crate) fn engine(document: &Document) -> Option<Engine> {
    let mut whole = document.clone();
    let mut found = Diagnostics::default();
    Inlined::files_of(&mut whole, &mut found);
    let compiled = compile(&whole, &mut found)?;
    found.errors.is_empty().then_some(compiled.engine)
}

/// Returns the promises of `tests` that do not hold; none if the document has errors of its own.
pub(crate) fn broken_promises(document: &Document) -> Vec<ConfigError> {
    if document.tests.is_none() {
        return Vec::new();
    }
    let engine = engine(document);
    engine.map_or_else(Vec::new, |engine| {
        tests::check(document.tests.as_ref(), &engine, wall_clock())
    })
}
