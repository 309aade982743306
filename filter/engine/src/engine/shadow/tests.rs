use serde_json::{Map, Value, json};

use super::*;
use crate::authn::cache::IdentityCache;
use crate::decision::Verdict;
use crate::engine::simulate::properties::{
    EverySignature, ISSUER, NOW, Random, bearer, claims, compiled, document, mapping, policy,
    request,
};
use crate::facts::{Gathered, TagAnswer, TagName};
use crate::keys::source::KeyRing;

/// Policies and requests of each: 200 rows.
const POLICIES: usize = 25;
const REQUESTS: usize = 8;

/// Another mapping, by which the same token is somebody else, or nobody.
fn other_mapping(random: &mut Random) -> Value {
    let mut other = mapping();
    match random.below(3) {
        0 => other["username"] = json!("'u/b'"),
        1 => {
            let stricter =
                json!([{ "expression": "claims.ref == 'main'", "message": "main only" }]);
            other["validations"] = stricter;
        }
        _ => other["groups"] = json!("['g/x']"),
    }
    other
}

fn decided(engine: &Engine, head: &RequestHead<'_>, cache: &mut IdentityCache) -> Verdict {
    let keys = KeyRing::of(engine.sources());
    let facts = Facts {
        keys: &keys,
        gathered: &Gathered::default(),
        now: NOW.into(),
    };
    engine.decide(head, &facts, cache, &EverySignature)
}

/// A verdict in words, all that matters of it.
fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow(grant) => format!("allow {} {:?}", grant.rule(), grant.target()),
        Verdict::Reply(reply) => format!("answer {}", reply.label),
        Verdict::Deny(denied) => format!("{denied:?}"),
        Verdict::Need(need) => format!("{need:?}"),
    }
}

fn outcome_of(verdict: Verdict) -> ShadowOutcome {
    match verdict {
        Verdict::Allow(grant) => ShadowOutcome::Granted(grant.rule().to_string()),
        Verdict::Reply(reply) => ShadowOutcome::Granted(reply.label.to_owned()),
        Verdict::Deny(denied) => {
            ShadowOutcome::Refused(denied.reason, denied.detail.clone(), denied.said())
        }
        Verdict::Need(_) => ShadowOutcome::Unknown,
    }
}

#[test]
fn what_a_shadow_says_is_what_it_says_in_force_and_changes_nothing() {
    let mut random = Random(23);
    let (mut differences, mut same) = ([0, 0], 0);
    for _ in 0..POLICIES {
        let (now, next) = (policy(&mut random), policy(&mut random));
        let mapping = other_mapping(&mut random);
        let live = document(&now);
        let mut with_shadow = live.clone();
        with_shadow["shadow"] =
            json!({ "accessControl": next, "claimMapping": { ISSUER: mapping } });
        let mut in_force = document(&next);
        in_force["http"]["auth"]["bearer"]["oidc"][0]["claimMapping"] = mapping;
        let live = compiled(live).engine;
        let in_force = compiled(in_force).engine;
        let tried = compiled(with_shadow);
        let shadow = tried.shadow.unwrap();
        let mut caches: [IdentityCache; 4] = Default::default();
        for _ in 0..REQUESTS {
            let (claims, (method, path)) = (claims(&mut random), request(&mut random));
            let authorization = bearer(&claims);
            let head = RequestHead {
                method: method.as_bytes(),
                path: path.as_bytes(),
                authorization: vec![authorization.as_bytes()],
                ..RequestHead::default()
            };
            let [one, two, three, four] = &mut caches;
            // Twice, as the second time callers are remembered.
            for _ in 0..2 {
                let verdict = decided(&tried.engine, &head, one);
                let expected = decided(&live, &head, two);
                assert_eq!(
                    words(&verdict),
                    words(&expected),
                    "{claims:?} {method} {path}"
                );
                let keys = KeyRing::of(tried.engine.sources());
                let facts = Facts {
                    keys: &keys,
                    gathered: &Gathered::default(),
                    now: NOW.into(),
                };
                let said = shadow.decide(&head, &facts, three, &EverySignature);
                let expected = outcome_of(decided(&in_force, &head, four));
                assert_eq!(said, Some(expected.clone()), "{claims:?} {method} {path}");
                let is_granted = !matches!(verdict, Verdict::Deny(_));
                match expected.difference(is_granted) {
                    Some(Difference::NewlyRefused) => differences[0] += 1,
                    Some(Difference::NewlyAllowed) => differences[1] += 1,
                    None => same += 1,
                }
            }
        }
    }
    assert!(
        differences.iter().all(|count| *count > 4) && same > 50,
        "{differences:?} {same}"
    );
}

#[test]
fn a_shadow_decides_with_what_the_live_policy_has_asked_for_and_asks_nothing() {
    let rules = |actions: Value| {
        let entry = json!({ "users": ["u/a"], "actions": actions });
        json!({ "repositories": { "t/**": { "policies": [entry] } } })
    };
    let rows = [
        // (in force, next, what is known of the tag, difference)
        (json!(["create", "update"]), json!(["create"]), None, None),
        (
            json!(["create", "update"]),
            json!(["create"]),
            Some(TagAnswer::Exists),
            Some(Difference::NewlyRefused),
        ),
        (
            json!(["create", "update"]),
            json!(["create"]),
            Some(TagAnswer::Missing),
            None,
        ),
        (
            json!(["create"]),
            json!(["create", "update"]),
            Some(TagAnswer::Exists),
            Some(Difference::NewlyAllowed),
        ),
        (
            json!(["create", "update"]),
            json!(["read"]),
            None,
            Some(Difference::NewlyRefused),
        ),
    ];
    for (now, next, tag, difference) in rows {
        let mut document = document(&rules(now.clone()));
        document["proxy"] = json!({ "upstreamCluster": "registry" });
        document["shadow"] = json!({ "accessControl": rules(next.clone()), "warn": "from 2027" });
        let compiled = compiled(document);
        let claims: Map<String, Value> = json!({
            "iss": ISSUER, "sub": "s", "aud": "registry", "iat": 1_799_999_000, "exp": 1_800_000_500,
            "owner": "1", "ref": "main", "who": "a",
        })
        .as_object()
        .unwrap()
        .clone();
        let authorization = bearer(&claims);
        let head = RequestHead {
            method: b"PUT",
            path: b"/v2/t/a/manifests/v1",
            authorization: vec![authorization.as_bytes()],
            ..RequestHead::default()
        };
        let keys = KeyRing::of(compiled.engine.sources());
        let mut gathered = Gathered::default();
        let name = TagName {
            repository: "t/a".to_owned(),
            tag: "v1".to_owned(),
        };
        gathered.tags.extend(tag.map(|answer| (name, answer)));
        let facts = Facts {
            keys: &keys,
            gathered: &gathered,
            now: NOW.into(),
        };
        let mut cache = IdentityCache::default();
        let live = compiled
            .engine
            .decide(&head, &facts, &mut cache, &EverySignature);
        let shadow = compiled.shadow.unwrap();
        let said = shadow.decide(
            &head,
            &facts,
            &mut IdentityCache::default(),
            &EverySignature,
        );
        let said = said.unwrap();
        let is_granted = !matches!(live, Verdict::Deny(_));
        assert_eq!(
            said.difference(is_granted),
            difference,
            "{now} {next} {tag:?}"
        );
        if said.difference(is_granted) == Some(Difference::NewlyRefused) {
            let expected = "299 - \"registry-auth: from 2027 refused: requested access to the resource is denied\"";
            assert_eq!(shadow.warning(&said).as_deref(), Some(expected));
        }
    }
}
