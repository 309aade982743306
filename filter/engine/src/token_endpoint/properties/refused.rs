//! Minted tokens that are accepted nowhere, or not as what they are presented as.

use super::*;
use crate::reason::Reason;
use crate::scope::{Scope, ScopeAction};

#[test]
fn the_token_of_a_question_of_the_filter_is_nobodys() {
    let policy = json!({ "repositories": { "**": { "defaultPolicy": ["read"], "anonymousPolicy": ["read"] } } });
    let world = World::new(Some(&policy), false);
    for scope in [
        Scope::Catalog,
        Scope::Repository("team/app".to_owned(), vec![ScopeAction::Pull]),
    ] {
        let own = world
            .engine
            .filter_token(scope, &world.keys, UnixTime::from_secs(NOW))
            .unwrap();
        for request in REQUESTS {
            let verdict = world.decide(*request, Some(&own), None, NOW, false);
            let Verdict::Deny(denied) = verdict else {
                panic!("{request:?}: {verdict:?}")
            };
            assert_eq!(denied.reason, Reason::BadClaim, "{request:?}");
        }
    }
}

#[test]
fn a_minted_token_is_no_token_of_a_token_server() {
    let world = World::new(None, false);
    let access = json!([{ "type": "repository", "name": "team/app", "actions": ["pull"] }]);
    for (origin, is_taken) in [
        (Value::Null, true),
        (json!("somewhere"), true),
        (json!({}), false),
        (json!({ "question": true }), false),
        (json!({ "claims": { "env": "dev" } }), false),
    ] {
        let claims = json!({ "sub": "ann", "access": access, "exp": NOW + 60, "iat": NOW, "origin": origin });
        let authorization = format!("Bearer {}", token(&claims));
        let verdict = world.decide(
            ("GET", "/v2/team/app/tags/list"),
            Some(&authorization),
            None,
            NOW,
            false,
        );
        assert_eq!(
            matches!(verdict, Verdict::Allow(_)),
            is_taken,
            "{origin}: {verdict:?}"
        );
    }
}
