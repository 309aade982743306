//! Who a stranger can be: tokens that anybody gets of an issuer that serves everybody, mapped by the
//! engine.

use std::collections::BTreeMap;

use cel_interpreter::common::ast::operators;
use registry_auth_engine::authn::mapping::ClaimMapping;
use registry_auth_engine::config::Diagnostics;
use registry_auth_engine::trace::Recorder;
use serde_json::{Map, Value, json};

use super::expression::{Written, call, path, text, walk};
use super::subject::{Issuer, Subject};
use super::well_known::{Claim, Kind, WellKnown};
use super::witness;

/// Tokens that are tried.
const MAX: usize = 2_000;
/// Words of one kind that are tried.
const MAX_WORDS: usize = 40;
/// What nobody in the configuration is called.
const STRANGER: &str = "stranger";
const NUMBER: &str = "66600666";

/// The users, each with its groups, that strangers can be at an issuer; none if it serves only some,
/// or if its validations keep them out.
pub(crate) fn of(subject: &Subject<'_>, issuer: &Issuer<'_>) -> Vec<(String, Vec<String>)> {
    let Some(known) = issuer.known.filter(|known| known.anybody.is_some()) else {
        return Vec::new();
    };
    let raw = issuer.raw.claim_mapping.as_ref();
    let Some(mapping) = ClaimMapping::compile(raw, "", &mut Diagnostics::default()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for mut claims in tokens(subject, issuer, known) {
        // RFC 7519 section 4.1.3: a list, or one text.
        let list = json!(issuer.raw.audiences);
        let text = json!(issuer.raw.audiences.first());
        for audience in [list, text] {
            claims.insert("aud".to_owned(), audience);
            if let Ok(user) = mapping.map(&claims, false, Recorder::OFF) {
                let one = (user.name().to_owned(), user.groups().to_vec());
                if !found.contains(&one) {
                    found.push(one);
                }
            }
        }
    }
    found
}

fn tokens(
    subject: &Subject<'_>,
    issuer: &Issuer<'_>,
    known: &WellKnown,
) -> Vec<Map<String, Value>> {
    let compared = compared(issuer);
    let words = words(subject);
    let mut owners = vec![STRANGER.to_owned()];
    let mut parts = vec!["app".to_owned()];
    let literals = literals(issuer);
    for literal in compared.values().flatten().chain(&literals).take(MAX_WORDS) {
        let plain = literal.trim_matches(['/', ':', '^', '$']);
        owners.extend([format!("{plain}-{STRANGER}"), format!("{STRANGER}-{plain}")]);
        parts.extend(plain.rsplit(['/', ':']).next().map(str::to_owned));
    }
    parts.extend(
        words
            .iter()
            .map(|word| word.rsplit('/').next().unwrap_or(word).to_owned()),
    );
    let free: Vec<&Claim> = known
        .claims
        .iter()
        .filter(|claim| !known.owners.contains(&claim.name) && !is_id(known, claim.name))
        .collect();
    let mut all = Vec::new();
    for rank in 0..3 {
        // What is compared has a value that is wanted; what may be missing is, or is not.
        for is_complete in [true, false] {
            let mut base = Map::new();
            for claim in &free {
                if claim.always || is_complete {
                    base.insert(claim.name.to_owned(), value(claim, &compared, rank));
                }
            }
            for owner in owners.iter().take(MAX_WORDS) {
                all.push(owned(issuer, known, &base, owner, "app", is_complete));
            }
            for part in parts.iter().take(MAX_WORDS) {
                all.push(owned(issuer, known, &base, STRANGER, part, is_complete));
            }
        }
    }
    let first = all.first().cloned().unwrap_or_default();
    for claim in free.iter().filter(|claim| claim.kind == Kind::Text) {
        for word in &words {
            let mut token = first.clone();
            token.insert(claim.name.to_owned(), json!(word));
            all.push(token);
        }
    }
    all.truncate(MAX);
    all
}

/// Ids and names that strangers cannot choose, besides those that say whose a token is.
fn is_id(known: &WellKnown, name: &str) -> bool {
    known
        .reused
        .iter()
        .any(|(one, id)| *one == name || *id == name)
}

/// A claim that strangers choose.
fn value(claim: &Claim, compared: &BTreeMap<String, Vec<String>>, rank: usize) -> Value {
    let wanted = compared.get(claim.name);
    let wanted = wanted.and_then(|wanted| wanted.get(rank.min(wanted.len().saturating_sub(1))));
    match claim.kind {
        Kind::Text => json!(wanted.map_or("main", String::as_str)),
        Kind::Number => json!(1),
        Kind::Bool => json!(rank != 1),
        Kind::List => json!([]),
        Kind::Object => json!({}),
    }
}

/// The same with claims that say whose it is: a stranger's.
fn owned(
    issuer: &Issuer<'_>,
    known: &WellKnown,
    base: &Map<String, Value>,
    owner: &str,
    part: &str,
    is_complete: bool,
) -> Map<String, Value> {
    let mut token = base.clone();
    let mut add = |name: &str, value: String| {
        let is_claim = known
            .claim(name)
            .is_none_or(|claim| claim.always || is_complete);
        if is_claim && !known.lacks(name) {
            token.insert(name.to_owned(), json!(value));
        }
    };
    let project = format!("{owner}/{part}");
    for name in [
        "repository_owner",
        "namespace_path",
        "organization_slug",
        "enterprise",
        "actor",
        "user_login",
    ] {
        add(name, owner.to_owned());
    }
    for name in ["repository", "project_path"] {
        add(name, project.clone());
    }
    add("email", format!("{owner}@{owner}.example"));
    add("user_email", format!("{owner}@{owner}.example"));
    add("hd", format!("{owner}.example"));
    add(
        "workflow_ref",
        format!("{project}/.github/workflows/w.yml@refs/heads/main"),
    );
    add(
        "ci_config_ref_uri",
        format!("{}/{project}//.gitlab-ci.yml@refs/heads/main", "gitlab.com"),
    );
    let subject = match known.name {
        "GitHub Actions" => format!("repo:{project}:ref:refs/heads/main"),
        "GitLab" => format!("project_path:{project}:ref_type:branch:ref:main"),
        "Buildkite" => format!("organization:{owner}:pipeline:{part}:ref:refs/heads/main"),
        _ => NUMBER.to_owned(),
    };
    token.insert("sub".to_owned(), json!(subject));
    for claim in known
        .claims
        .iter()
        .filter(|claim| claim.name.ends_with("_id") && claim.kind == Kind::Text)
    {
        if (known.owners.contains(&claim.name) || is_id(known, claim.name))
            && (claim.always || is_complete)
        {
            token.insert(claim.name.to_owned(), json!(NUMBER));
        }
    }
    token.insert("iss".to_owned(), json!(issuer.raw.issuer));
    token.insert("iat".to_owned(), json!(0));
    token.insert("exp".to_owned(), json!(0));
    token
}

/// The texts that each claim is compared with.
fn compared(issuer: &Issuer<'_>) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for written in &issuer.expressions {
        add_compared(written, &mut found);
    }
    found
}

fn add_compared(written: &Written<'_>, found: &mut BTreeMap<String, Vec<String>>) {
    walk(&written.tree, &mut |node| {
        let Some((name, arguments)) = call(node) else {
            return;
        };
        let claim = arguments
            .iter()
            .find_map(|argument| path(argument)?.get(1).cloned());
        let Some(claim) = claim else {
            return;
        };
        let known = found.entry(claim).or_default();
        for argument in &arguments {
            walk(argument, &mut |inner| match (name, text(inner)) {
                ("matches", Some(pattern)) => known.extend(witness::of(pattern)),
                (operators::INDEX | operators::OPT_INDEX, _) | (_, None) => {}
                (_, Some(text)) => known.push(text.to_owned()),
            });
        }
    });
}

/// All texts in the expressions.
fn literals(issuer: &Issuer<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for written in &issuer.expressions {
        walk(&written.tree, &mut |node| {
            let word = text(node).filter(|word| !word.is_empty());
            if let Some(word) = word.filter(|word| !found.iter().any(|known| known == word)) {
                found.push(word.to_owned());
            }
        });
    }
    found
}

/// Names in rules, and what is behind each separator in them.
fn words(subject: &Subject<'_>) -> Vec<String> {
    let mut words = Vec::new();
    for rule in subject.rules() {
        for name in rule.raw.users.iter().chain(&rule.raw.groups) {
            let ends = name.match_indices(['/', ':']).map(|(at, _)| at + 1);
            for start in std::iter::once(0).chain(ends) {
                let word = name.get(start..).unwrap_or_default().to_owned();
                if !word.is_empty() && !words.contains(&word) && words.len() < MAX_WORDS {
                    words.push(word);
                }
            }
        }
    }
    words
}
