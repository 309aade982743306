mod properties;

use std::sync::Arc;

use super::*;
use crate::authn::identity::Identity;
use crate::decision::GrantRule;
use crate::fields;

const OWN: &str = "Basic b3duOnNlY3JldA==";

fn sent(sent: &[(&str, &str)]) -> Fields {
    let sent: Vec<(&str, &[u8])> = sent
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    Fields::parse(fields::write(&sent)).unwrap()
}

fn grant(rule: GrantRule, payload: Payload) -> Grant {
    Grant::new(Arc::new(Identity::Anonymous), rule, payload)
}

/// The edits in short: `-name`, `+name: value`, `target`.
fn edits(grant: &Grant, sent: &Fields, rules: &HeadRules, credential: Option<&str>) -> Vec<String> {
    let mut all = Vec::new();
    let _: Result<(), Infallible> = grant.edits(sent, rules, credential).apply(|edit| {
        all.push(match edit {
            Edit::Target(target) => target.to_owned(),
            Edit::Remove(name) => format!("-{}", String::from_utf8_lossy(name)),
            Edit::Add(name, value) => format!("+{name}: {value}"),
        });
        Ok(())
    });
    all
}

fn rules() -> HeadRules {
    HeadRules {
        identity_header: Some("x-registry-user".to_owned()),
        refuse_identity_header: false,
        forward_authorization: false,
    }
}

#[test]
fn a_credential_that_counts_as_none_is_not_forwarded_in_place_of_the_registrys_own() {
    let forwarding = HeadRules {
        forward_authorization: true,
        ..rules()
    };
    let own = format!("+authorization: {OWN}");
    // (what is sent, whether it is a credential)
    let rows = [
        ("Bearer anonymous", false),
        ("Basic Og==", false),
        ("basic  Og", false),
        ("Bearer a.b.c", true),
        ("Bearer Anonymous", true),
        ("Basic YTpi", true),
        ("Negotiate x", true),
    ];
    for (value, is_credential) in rows {
        let head = sent(&[("authorization", value)]);
        let expected = if is_credential {
            vec![]
        } else {
            vec!["-authorization", own.as_str()]
        };
        let grant = grant(GrantRule::NoAccessControl, Payload::NoForm);
        assert_eq!(
            edits(&grant, &head, &forwarding, Some(OWN)),
            expected,
            "{value}"
        );
    }
}

#[test]
fn an_ordinary_head_loses_its_credential_only() {
    let head = sent(&[
        (":method", "GET"),
        (":path", "/v2/a/manifests/v1"),
        (":authority", "registry.test"),
        ("user-agent", "docker/27"),
        ("accept", "application/vnd.oci.image.manifest.v1+json"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "registry.test"),
        ("authorization", "Bearer a.b.c"),
        ("x-request-id", "1"),
    ]);
    for payload in [Payload::Any, Payload::NoForm, Payload::Bytes] {
        let grant = grant(GrantRule::NoAccessControl, payload);
        assert_eq!(edits(&grant, &head, &rules(), None), ["-authorization"]);
        let forwarding = HeadRules {
            forward_authorization: true,
            ..rules()
        };
        assert_eq!(edits(&grant, &head, &forwarding, Some(OWN)), [""; 0]);
    }
}

#[test]
fn whatever_is_read_as_another_caller_method_or_target_is_removed() {
    let names = [
        "x-registry-user",
        "X-Registry-User",
        "x_registry_user",
        "x_registry-user",
        "x.registry.user",
        "X~REGISTRY!USER",
        "authorization",
        "AUTHORIZATION",
        "proxy-authorization",
        "Proxy_Authorization",
        "cookie",
        "x-http-method",
        "x-http-method-override",
        "X_HTTP_METHOD_OVERRIDE",
        "x-method-override",
        "x-original-method",
        "x-original-uri",
        "x-original-url",
        "X-Original.URL",
        "x-rewrite-url",
    ];
    for name in names {
        let head = sent(&[("accept", "*/*"), (name, "a"), (name, "b")]);
        let grant = grant(GrantRule::NoAccessControl, Payload::NoForm);
        assert_eq!(edits(&grant, &head, &rules(), None), [format!("-{name}")]);
    }
}

#[test]
fn other_fields_stay() {
    let names = [
        ":path",
        ":registry-user",
        "x-registry-users",
        "x-registryxuser",
        "xregistryuser",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "forwarded",
        "cookies",
        "x-original-urn",
        "content-range",
        "docker-upload-uuid",
        "",
        "x-a-name-that-is-longer-than-the-sixty-four-bits-of-a-set-of-lengths-has-no-bit-there",
    ];
    let grant = grant(GrantRule::NoAccessControl, Payload::NoForm);
    for name in names {
        assert_eq!(
            edits(&grant, &sent(&[(name, "a")]), &rules(), None),
            [""; 0],
            "{name}"
        );
    }
    let pseudo = HeadRules {
        identity_header: Some("-path".to_owned()),
        ..rules()
    };
    assert_eq!(
        edits(&grant, &sent(&[(":path", "/v2/")]), &pseudo, None),
        [""; 0]
    );
}

#[test]
fn a_session_of_the_registry_passes_outside_of_v2_only() {
    let head = sent(&[
        ("cookie", "session=x"),
        ("x-original-url", "/v2/secret/tags/list"),
    ]);
    let rows = [
        (Payload::Any, vec!["-x-original-url"]),
        (Payload::NoForm, vec!["-cookie", "-x-original-url"]),
        (Payload::Bytes, vec!["-cookie", "-x-original-url"]),
    ];
    for (payload, expected) in rows {
        assert_eq!(
            edits(&grant(GrantRule::Public, payload), &head, &rules(), None),
            expected,
            "{payload:?}"
        );
    }
}

#[test]
fn no_form_goes_on_under_v2() {
    let form = "application/x-www-form-urlencoded";
    let json = "application/json";
    let (own, other) = ("application/octet-stream", "Application/Octet-Stream");
    let retyped = vec!["-content-type".to_owned(), format!("+content-type: {own}")];
    let rows: [(&[&str], [bool; 3]); 10] = [
        (&[], [false, false, false]),
        (&[own], [false, false, false]),
        (&[other], [false, false, true]),
        (&[json], [false, false, true]),
        (&[""], [false, false, true]),
        (&[own, own], [false, false, true]),
        (&[form], [false, true, true]),
        (&["multipart/form-data; boundary=x"], [false, true, true]),
        (&[own, form], [false, true, true]),
        (&[form, own], [false, true, true]),
    ];
    for (types, replaced) in rows {
        let head: Vec<_> = types.iter().map(|value| ("content-type", *value)).collect();
        for (payload, replaced) in [Payload::Any, Payload::NoForm, Payload::Bytes]
            .into_iter()
            .zip(replaced)
        {
            let grant = grant(GrantRule::NoAccessControl, payload);
            let expected = if replaced {
                retyped.clone()
            } else {
                Vec::new()
            };
            assert_eq!(
                edits(&grant, &sent(&head), &rules(), None),
                expected,
                "{payload:?} {types:?}"
            );
        }
    }
    // CGI has `content-type` and `content_type` under one name.
    let spelled = sent(&[("content-type", own), ("Content_Type", form)]);
    let expected = [
        "-content-type".to_owned(),
        "-Content_Type".to_owned(),
        format!("+content-type: {own}"),
    ];
    for payload in [Payload::NoForm, Payload::Bytes] {
        assert_eq!(
            edits(
                &grant(GrantRule::NoAccessControl, payload),
                &spelled,
                &rules(),
                None
            ),
            expected
        );
    }
}

#[test]
fn the_credential_of_the_registry_goes_with_what_a_rule_of_repositories_grants() {
    let claim = || GrantRule::AccessClaim;
    let rows = [
        (GrantRule::Public, false),
        (GrantRule::Identity, false),
        (GrantRule::NoAccessControl, true),
        (claim(), true),
    ];
    for (rule, goes) in rows {
        let expected: Vec<_> = goes
            .then(|| format!("+authorization: {OWN}"))
            .into_iter()
            .collect();
        assert_eq!(
            edits(
                &grant(rule.clone(), Payload::NoForm),
                &sent(&[]),
                &rules(),
                Some(OWN)
            ),
            expected,
            "{rule}"
        );
    }
    // A client's own goes first, where it is forwarded.
    let forwarding = HeadRules {
        forward_authorization: true,
        ..rules()
    };
    let (without, with) = (sent(&[]), sent(&[("Authorization", "Bearer x")]));
    let grant = grant(claim(), Payload::NoForm);
    assert_eq!(
        edits(&grant, &without, &forwarding, Some(OWN)),
        [format!("+authorization: {OWN}")]
    );
    assert_eq!(edits(&grant, &with, &forwarding, Some(OWN)), [""; 0]);
    assert_eq!(
        edits(&grant, &with, &rules(), Some(OWN)),
        ["-Authorization", &format!("+authorization: {OWN}")]
    );
}

#[test]
fn the_target_comes_first() {
    let grant = grant(GrantRule::NoAccessControl, Payload::Bytes)
        .redirected("/v2/a/blobs/uploads/".to_owned());
    let head = sent(&[("content-type", "text/plain"), ("cookie", "x")]);
    let expected = [
        "/v2/a/blobs/uploads/",
        "-content-type",
        "-cookie",
        "+content-type: application/octet-stream",
    ];
    assert_eq!(edits(&grant, &head, &rules(), None), expected);
}

#[test]
fn no_decided_name_tells_the_user_name() {
    for name in [
        "authorization",
        "cookie",
        "content_type",
        "proxy-authorization",
        "x_original_url",
    ] {
        assert!(is_decided(name), "{name}");
    }
    assert!(!is_decided("x-registry-user") && !is_decided(""));
}

#[test]
fn the_first_change_that_fails_is_the_last() {
    let granted = grant(GrantRule::NoAccessControl, Payload::Bytes).redirected("/v2/".to_owned());
    let head = sent(&[("content-type", "text/plain"), ("cookie", "x")]);
    for fails in 0..4 {
        let mut made = 0;
        let count = |_| {
            made += 1;
            if made > fails { Err(()) } else { Ok(()) }
        };
        assert_eq!(
            granted.edits(&head, &rules(), Some(OWN)).apply(count),
            Err(())
        );
        assert_eq!(made, fails + 1);
    }
}

#[test]
fn a_request_that_names_its_user_is_refused_where_that_is_asked_for() {
    let refusing = HeadRules {
        refuse_identity_header: true,
        ..rules()
    };
    let unnamed = HeadRules {
        identity_header: None,
        ..refusing.clone()
    };
    let rows = [
        ("x-registry-user", true),
        ("X-Registry-User", true),
        ("x_registry.USER", true),
        ("x-registry-users", false),
        (":registry-user", false),
        ("authorization", false),
        ("x-original-url", false),
    ];
    for (name, expected) in rows {
        let head = sent(&[("accept", "*/*"), (name, "")]);
        assert_eq!(refusing.refuses(&head), expected, "{name}");
        assert!(!rules().refuses(&head) && !unnamed.refuses(&head), "{name}");
    }
}

#[test]
fn a_head_that_a_host_did_not_change_as_it_was_told_is_seen() {
    let own = ("authorization", OWN);
    let bytes = ("content-type", BYTES);
    let (path, accept) = ((":path", "/v2/a/blobs/uploads/"), ("accept", "*/*"));
    let before = [
        (":path", "/v2/a/blobs/uploads/?mount=x"),
        accept,
        ("authorization", "Bearer a.b.c"),
        ("content-type", "text/plain"),
        ("x_registry_user", "admin"),
    ];
    // (the head that the host shows, whether it is the right one)
    let rows: [(&[(&str, &str)], bool); 12] = [
        (&[path, accept, bytes, own], true),
        // In any order and case, with fields of the host's own.
        (
            &[
                ("x-own", "1"),
                ("Authorization", OWN),
                bytes,
                (":path", path.1),
            ],
            true,
        ),
        (&before, false),
        (&[accept, bytes, own], false),
        (&[before[0], accept, bytes, own], false),
        (&[path, before[0], accept, bytes, own], false),
        (&[path, accept, bytes, own, before[4]], false),
        (&[path, accept, bytes, own, ("x-registry-user", "")], false),
        (&[path, accept, bytes, before[2]], false),
        (&[path, accept, bytes, own, own], false),
        (&[path, accept, bytes], false),
        (&[path, accept, bytes, before[3], own], false),
    ];
    let grant = grant(GrantRule::NoAccessControl, Payload::Bytes).redirected(path.1.to_owned());
    let (before, rules) = (sent(&before), rules());
    let edits = grant.edits(&before, &rules, Some(OWN));
    for (shown, expected) in rows {
        assert_eq!(edits.are_made_in(&sent(shown)), expected, "{shown:?}");
    }
    // What is not removed may be there as often as it was sent.
    let plain = self::grant(GrantRule::Public, Payload::Any);
    let head = sent(&[
        ("content-type", "a/b"),
        ("content-type", "a/b"),
        ("cookie", "s"),
    ]);
    assert!(plain.edits(&head, &rules, None).are_made_in(&head));
}
