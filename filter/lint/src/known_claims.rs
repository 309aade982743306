//! The claim that may be meant by an unknown name.

use super::well_known::WellKnown;

/// How alike two names have to be, by Jaro-Winkler similarity.
const ALIKE: f64 = 0.8;

/// The name of those known that is most like another, if one is.
#[must_use]
pub fn suggested<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
    let alike = known.iter().map(|known| (likeness(known), *known));
    alike
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

/// The claim of an issuer that is most like a name.
pub(crate) fn nearest(known: &WellKnown, name: &str) -> Option<&'static str> {
    let names: Vec<&'static str> = known.claims.iter().map(|claim| claim.name).collect();
    suggested(name, &names)
}
