//! User names of two issuers.

use serde_json::{Value, json};

use super::{diagnose, with};

/// An entry of `oidc`: issuer, whether the name is mapped, and whether any `iss` is accepted.
type Entry<'a> = (&'a str, bool, bool);

/// A document with these entries.
fn entries(entries: &[Entry<'_>]) -> Value {
    let entry = |(issuer, maps, skips): &Entry<'_>| {
        let mapping = if *maps {
            json!({ "username": "'x:' + claims.sub" })
        } else {
            json!({ "groups": "['a']" })
        };
        json!({
            "issuer": issuer, "audiences": ["registry"], "cluster": "issuer", "claimMapping": mapping,
            "jwksUri": "https://keys.example.com/jwks", "skipIssuerVerification": skips,
        })
    };
    with(
        "/http/auth/bearer/oidc",
        entries.iter().map(entry).collect(),
    )
}

const A: &str = "https://a.example.com";
const TENANT: &str = "https://a.example.com/tenant";

#[test]
fn issuers_whose_users_could_have_one_name_are_refused_together() {
    let google = "https://accounts.google.com";
    // (entries, the second of the pair, the first)
    let rows: &[(&[Entry<'_>], usize, usize)] = &[
        (&[(A, false, false), (TENANT, false, false)], 1, 0),
        (&[(TENANT, false, false), (A, false, false)], 1, 0),
        (&[(A, true, false), (TENANT, false, false)], 1, 0),
        (&[(A, false, false), (TENANT, true, false)], 1, 0),
        (
            &[(A, false, false), ("https://a.example.com/", false, false)],
            1,
            0,
        ),
        (
            &[
                (A, false, false),
                ("https://a.example.com//x", false, false),
            ],
            1,
            0,
        ),
        (
            &[
                (A, false, false),
                ("https://b.example.com", false, false),
                (TENANT, false, false),
            ],
            2,
            0,
        ),
        (
            &[
                (TENANT, false, false),
                ("https://a.example.com/tenant/sub/x", false, false),
            ],
            1,
            0,
        ),
        (
            &[
                (google, false, false),
                ("accounts.google.com/x", false, false),
            ],
            1,
            0,
        ),
        (
            &[(A, false, false), ("https://b.example.com", false, true)],
            1,
            0,
        ),
        (
            &[("https://b.example.com", false, true), (A, false, false)],
            1,
            0,
        ),
        (
            &[("https://b.example.com", false, true), (A, true, false)],
            1,
            0,
        ),
        (&[(A, false, true), (A, false, false)], 1, 0),
    ];
    for (row, second, first) in rows {
        let found = diagnose(&entries(row)).errors;
        assert_eq!(found.len(), 1, "{row:?}: {found:#?}");
        assert_eq!(
            found[0].path,
            format!("http.auth.bearer.oidc[{second}].issuer")
        );
        for word in [
            &format!("(http.auth.bearer.oidc[{first}])"),
            "claimMapping.username",
        ] {
            assert!(found[0].message.contains(word), "{word}: {}", found[0]);
        }
    }
}

#[test]
fn issuers_whose_users_cannot_are_accepted_together() {
    let rows: &[&[Entry<'_>]] = &[
        &[(A, false, false)],
        &[(A, false, true)],
        &[(A, false, false), (A, false, false)],
        &[
            (A, false, false),
            ("https://a.example.com.evil.example", false, false),
        ],
        &[
            (A, false, false),
            ("https://a.example.comx/tenant", false, false),
        ],
        &[
            (TENANT, false, false),
            ("https://a.example.com/other", false, false),
        ],
        &[
            (TENANT, false, false),
            ("https://a.example.com/tenant2", false, false),
        ],
        &[(A, true, false), (TENANT, true, false)],
        &[(A, true, true), (TENANT, true, false)],
        &[(A, false, false), ("https://b.example.com", true, true)],
        &[
            ("https://accounts.google.com", false, false),
            ("https://accounts.google.com.example", false, false),
        ],
    ];
    for row in rows {
        assert_eq!(diagnose(&entries(row)).errors, [], "{row:?}");
    }
}
