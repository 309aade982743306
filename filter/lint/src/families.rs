//! All families of findings.

use super::finding::Finding;
use super::subject::Subject;
use super::{anyone, claims, conditions, expressions, grants, issuers, names, patterns};

/// Returns all findings of this crate, by family.
pub(crate) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let families: [fn(&Subject<'_>, &mut Vec<Finding>); 8] = [
        issuers::find,
        anyone::find,
        expressions::find,
        claims::find,
        conditions::find,
        patterns::find,
        names::find,
        grants::find,
    ];
    for family in families {
        family(subject, &mut found);
    }
    found
}
