//! `shadow`: the next policy, compiled as it will be when it takes the place of the one that is in
//! force.

use serde_json::Value;

use super::compile_live;
use crate::config::raw::{self, Document};
use crate::config::{ConfigError, Diagnostics};
use crate::engine::Shadow;

/// The longest `warn`, in characters.
const MAX_WARN: usize = 64;

/// Compiles the document with the parts of `shadow` in their places. What is wrong with other parts
/// is reported where they are compiled for themselves.
pub(super) fn compile(
    document: &Document,
    shadow: &raw::Shadow,
    diagnostics: &mut Diagnostics,
) -> Option<Shadow> {
    check(document, shadow, diagnostics);
    let mut own = Diagnostics::default();
    let compiled = compile_live(&next(document, shadow), &mut own);
    let places = places(document, shadow);
    let moved = |found: &ConfigError| {
        let (place, rest) = places.iter().find_map(|(from, to)| {
            let rest = found.path.strip_prefix(from.as_str())?;
            Some((to, rest))
        })?;
        Some(ConfigError {
            path: format!("{place}{rest}"),
            message: found.message.clone(),
        })
    };
    diagnostics
        .warnings
        .extend(own.warnings.iter().filter_map(moved));
    diagnostics
        .errors
        .extend(own.errors.iter().filter_map(moved));
    if diagnostics.errors.is_empty() {
        // It is wrong only together with another part: never is the shadow left out without a word.
        for error in &own.errors {
            diagnostics.error("shadow", error.to_string());
        }
    }
    Some(Shadow {
        engine: Box::new(compiled?.engine),
        warn: shadow.warn.clone(),
    })
}

fn check(document: &Document, shadow: &raw::Shadow, diagnostics: &mut Diagnostics) {
    if shadow.access_control.is_none() && shadow.claim_mapping.is_empty() {
        let message = "has nothing to evaluate: write the next `accessControl`, or `claimMapping` with an issuer and its next mapping";
        diagnostics.error("shadow", message);
    }
    let known = |issuer: &String| entries(document).any(|entry| entry.issuer == *issuer);
    for issuer in shadow.claim_mapping.keys().filter(|issuer| !known(issuer)) {
        diagnostics.error(
            of_issuer(issuer),
            "no entry of http.auth.bearer.oidc has this issuer: write it as it is there",
        );
    }
    let is_plain = |character: char| matches!(character, ' '..='~') && !"\"\\".contains(character);
    if let Some(warn) = &shadow.warn
        && (warn.len() > MAX_WARN || !warn.chars().all(is_plain))
    {
        let message = "must be at most 64 visible ASCII characters without quotation marks and `\\`, as it goes into a header field; such as \"from 2027\"";
        diagnostics.error("shadow.warn", message);
    }
}

/// The document when the shadow is in force.
fn next(document: &Document, shadow: &raw::Shadow) -> Document {
    let mut next = document.clone();
    next.shadow = None;
    if shadow.access_control.is_some() {
        next.access_control.clone_from(&shadow.access_control);
    }
    for entry in next.bearer.iter_mut().flat_map(|bearer| &mut bearer.oidc) {
        if let Some(mapping) = shadow.claim_mapping.get(&entry.issuer) {
            entry.claim_mapping = Some(mapping.clone());
        }
    }
    next
}

/// Where the parts are in the document that is compiled, and where they are written.
fn places(document: &Document, shadow: &raw::Shadow) -> Vec<(String, String)> {
    let replaced = |(index, entry): (usize, &raw::Oidc)| {
        let from = format!("http.auth.bearer.oidc[{index}].claimMapping");
        let is_replaced = shadow.claim_mapping.contains_key(&entry.issuer);
        is_replaced.then(|| (from, of_issuer(&entry.issuer)))
    };
    let mappings = entries(document).enumerate().filter_map(replaced);
    let control = ("http.accessControl", "shadow.accessControl");
    let control = shadow.access_control.iter().map(|_| control);
    let control = control.map(|(from, to)| (from.to_owned(), to.to_owned()));
    mappings.chain(control).collect()
}

fn entries(document: &Document) -> impl Iterator<Item = &raw::Oidc> {
    document.bearer.iter().flat_map(|bearer| &bearer.oidc)
}

fn of_issuer(issuer: &str) -> String {
    format!("shadow.claimMapping[{}]", Value::from(issuer))
}
