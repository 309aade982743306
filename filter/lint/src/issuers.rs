//! Issuers: who is trusted, and how their tokens are checked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::finding::Finding;
use super::subject::{Subject, member};

/// `clockSkew` above this is long for a token that has expired.
const MUCH_SKEW: Duration = Duration::from_mins(5);
/// What follows an issuer in the address of its discovery document (`OpenID` Connect Discovery 1.0
/// section 4).
const DISCOVERY: &str = "/.well-known/";

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(bearer) = &subject.document.bearer else {
        return;
    };
    if bearer.bypass_access_control {
        let message = "the `access` claim of a token decides alone: whoever signs tokens for this registry may do everything, and accessControl is not asked";
        let finding = Finding::new("bypass", "http.auth.bearer.bypassAccessControl", message);
        found.push(finding.write("bypassAccessControl: false"));
    }
    realm(bearer.realm.as_deref(), found);
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, entry) in bearer.oidc.iter().enumerate() {
        let path = format!("http.auth.bearer.oidc[{index}]");
        if entry.skip_issuer_verification {
            let message = "tokens of any issuer that uses the same keys are accepted, whatever their `iss` is";
            let finding = Finding::new(
                "skip-issuer",
                format!("{path}.skipIssuerVerification"),
                message,
            );
            found.push(finding.write("skipIssuerVerification: false"));
        }
        if let Some(issuer) = entry.issuer.find(DISCOVERY) {
            let own = entry.issuer.get(..issuer).unwrap_or_default();
            let message = "is the address of a discovery document: `iss` of the tokens is the address before it, so all would be refused";
            let finding =
                Finding::new("issuer-is-discovery-url", format!("{path}.issuer"), message);
            found.push(finding.write(format!("issuer: {own}")));
        }
        if let Some(first) = first.get(entry.issuer.as_str()) {
            let message = format!(
                "has an entry already, oidc[{first}]: a token that both accept is mapped by the first"
            );
            let finding = Finding::new("same-issuer-twice", format!("{path}.issuer"), message);
            found.push(
                finding.write("one entry with the audiences of both, or audiences that differ"),
            );
        } else {
            first.insert(&entry.issuer, index);
        }
        if entry.clock_skew.is_some_and(|skew| skew > MUCH_SKEW) {
            let message = "tokens are accepted for so long after their end: clocks that are set by NTP differ by less than a second";
            let finding = Finding::new("clock-skew", format!("{path}.clockSkew"), message);
            found.push(finding.write("clockSkew: 1m"));
        }
        let mapping = entries(subject)
            .nth(index)
            .and_then(|entry| member(entry, "claimMapping"));
        if mapping.is_some_and(|mapping| is_empty_list(mapping, "validations")) {
            let path = format!("{path}.claimMapping.validations");
            let message = "is empty: every token of this issuer is let in";
            let finding = Finding::new("empty-restriction", path, message).at_key();
            found.push(
                finding.write("a validation that says whose tokens are meant, or no `validations`"),
            );
        }
    }
}

fn realm(realm: Option<&str>, found: &mut Vec<Finding>) {
    let Some(realm) = realm else {
        return;
    };
    let looks_like_address = !realm.contains("://")
        && realm
            .split_once('/')
            .is_some_and(|(host, path)| host.contains('.') && !path.is_empty());
    if looks_like_address {
        let message =
            "has no scheme, so it is only a text in the challenge: clients ask no token endpoint";
        let finding = Finding::new("realm-without-scheme", "http.auth.bearer.realm", message);
        found.push(finding.write(format!("realm: https://{realm}")));
    }
}

/// The entries as they are written; a single one is a list of one.
fn entries<'a>(subject: &Subject<'a>) -> impl Iterator<Item = &'a serde_json::Value> + use<'a> {
    let path = ["http", "auth", "bearer", "oidc"];
    let list = path
        .iter()
        .try_fold(subject.value, |value, name| member(value, name));
    let many = list.and_then(serde_json::Value::as_array);
    let one = list.filter(|list| list.is_object());
    many.into_iter().flatten().chain(one)
}

pub(crate) fn is_empty_list(value: &serde_json::Value, name: &str) -> bool {
    member(value, name)
        .and_then(serde_json::Value::as_array)
        .is_some_and(Vec::is_empty)
}
