//! No client makes a long line of the log.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use registry_auth_vm::{Compiled, Setup, Vm};
use serde_json::json;

use crate::Outcome;

/// As `MAX_RECORD` of the engine, with the level.
const MAX_LINE: usize = 2048 + "debug: ".len();

#[test]
fn a_text_of_a_client_in_wasm_is_cut_at_256_bytes_and_says_how_long_it_was() -> Outcome {
    let configuration = json!({
        "http": {
            "auth": { "bearer": { "oidc": [
                { "issuer": "https://issuer.test", "audiences": ["registry"], "jwks": key::jwks(&["es256"])? },
            ] } },
            "accessControl": { "repositories": { "open": { "policies": [{ "users": ["x"], "actions": ["read"] }] } } },
        },
        "proxy": { "publicPaths": ["/open/**"] },
        "log": { "level": "debug" },
    });
    let token = |claims: serde_json::Value| -> anyhow::Result<String> {
        let mut all =
            json!({ "iss": "https://issuer.test", "aud": "registry", "iat": "-1m", "exp": "+1h" });
        all.as_object_mut()
            .into_iter()
            .zip(claims.as_object())
            .for_each(|(all, claims)| all.extend(claims.clone()));
        let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": all }))?;
        Ok(format!("Bearer {}", recipe.mint(now())?))
    };
    let long = 90_000;
    let get = |target: &str| Request::new("GET", target);
    let named = |name: String| {
        Ok::<_, anyhow::Error>(
            get("/v2/open/tags/list").header("authorization", &token(json!({ "sub": name }))?),
        )
    };
    // (request, what the line says, or "" if it is not cut)
    let rows = [
        (get(&format!("/{}", "a".repeat(long))), "... (90001 bytes)"),
        (
            get(&format!("/v2/{}/tags/list", "\"".repeat(long))),
            "... (90014 bytes)",
        ),
        (
            get(&format!("/open/{}", "a".repeat(long))),
            "... (90006 bytes)",
        ),
        (
            get(&format!("/{}", "\u{e2}\u{82}\u{ac}".repeat(1000))),
            "... (3001 bytes)",
        ),
        (Request::new(&"X".repeat(long), "/v2/"), "... (90000 bytes)"),
        (named("u".repeat(20_000))?, "... (20020 bytes)"),
        (named("\u{1}".repeat(5_000))?, "... (5020 bytes)"),
        (get(&format!("/{}", "a".repeat(255))), ""),
        (get(&format!("/{}", "a".repeat(256))), "... (257 bytes)"),
        (
            get(&format!("/{}?{}", "a".repeat(255), "q".repeat(long))),
            "",
        ),
    ];
    for (request, cut) in rows {
        let mut vm = Vm::start(
            Compiled::built()?,
            Setup::of_scenarios(configuration.to_string().as_bytes()),
        )?;
        let id = vm.open(&request)?;
        vm.close(id)?;
        let lines: Vec<_> = vm
            .log()
            .iter()
            .filter(|line| line.contains("\"decision\""))
            .collect();
        let [line] = lines[..] else {
            panic!("{} lines about one request", lines.len())
        };
        let shown: String = line.chars().take(200).collect();
        assert!(line.len() <= MAX_LINE, "{} bytes: {shown}", line.len());
        assert_eq!(line.contains("... ("), !cut.is_empty(), "{shown}");
        assert!(line.contains(cut), "no {cut}: {shown}");
        let (_, json) = line
            .split_once(": ")
            .ok_or_else(|| anyhow::anyhow!("no level"))?;
        serde_json::from_str::<serde_json::Value>(json).map_err(anyhow::Error::from)?;
    }
    Ok(())
}

/// What no line of the log may hold: a claim value and a password; tokens are looked for by their
/// own parts.
const SECRETS: [&str; 2] = ["hunter2-in-a-claim", "hunter2-as-password"];

#[test]
fn no_credential_in_wasm_comes_into_the_log_whatever_becomes_of_it() -> Outcome {
    let entry = json!({
        "issuer": "https://issuer.test",
        "audiences": ["registry"],
        "jwks": key::jwks(&["es256"])?,
        "claimMapping": {
            "username": "claims.sub",
            "validations": [{ "expression": "claims.team != 'wrong'", "message": "the team is wrong" }],
        },
    });
    let condition = json!({ "expression": "req.claims.secret.size() < 5" });
    let policies = json!([{ "users": ["ci"], "actions": ["read"], "conditions": [condition] }]);
    let configuration = json!({
        "http": {
            "auth": { "bearer": { "realm": "https://registry.test/token", "service": "registry", "oidc": [entry] } },
            "accessControl": { "repositories": { "team/**": { "policies": policies }, "open/**": { "defaultPolicy": ["read"] } } },
        },
        "log": { "level": "debug" },
    });
    let [in_claim, as_password] = SECRETS;
    // (claims in addition to the valid ones, key)
    let tokens = [
        (json!({}), "es256"),
        (json!({ "aud": "other" }), "es256"),
        (json!({ "iss": "https://other.test" }), "es256"),
        (json!({ "exp": "-1h" }), "es256"),
        (json!({ "nbf": "+1h" }), "es256"),
        (json!({ "iat": "+1h" }), "es256"),
        (json!({ "exp": in_claim }), "es256"),
        (json!({ "sub": 1 }), "es256"),
        (json!({ "sub": "" }), "es256"),
        (json!({ "team": "wrong" }), "es256"),
        (json!({ "team": { "is": "no text" } }), "es256"),
        (json!({ "secret": 1 }), "es256"),
        (json!({ "events": { "x": in_claim } }), "es256"),
        (json!({}), "other-es256"),
        (json!({}), "rs256"),
    ];
    let mut credentials = Vec::new();
    for (claims, key) in tokens {
        let mut all = json!({
            "iss": "https://issuer.test", "aud": "registry", "sub": "ci", "iat": "-1m", "exp": "+1h", "team": "x", "secret": in_claim,
        });
        all.as_object_mut()
            .into_iter()
            .zip(claims.as_object())
            .for_each(|(all, claims)| all.extend(claims.clone()));
        let recipe: Recipe = serde_json::from_value(json!({ "key": key, "claims": all }))
            .map_err(anyhow::Error::from)?;
        let token = recipe.mint(now())?;
        let (begin, _) = token
            .rsplit_once('.')
            .ok_or_else(|| anyhow::anyhow!("no signature"))?;
        credentials.extend([
            format!("Bearer {token}"),
            format!("bearer {token}"),
            format!("Bearer {token}x"),
            format!("Bearer {begin}"),
            format!("Bearer {begin}.AAAA"),
            format!("Basic {}", BASE64_STANDARD.encode(format!("ci:{token}"))),
            format!("Negotiate {token}"),
        ]);
    }
    credentials.push(format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("ci:{as_password}"))
    ));
    credentials.push(format!("Basic ci:{as_password}"));
    for target in [
        "/v2/",
        "/v2/team/app/tags/list",
        "/v2/open/app/tags/list",
        "/token?service=registry",
        "/elsewhere",
    ] {
        let mut vm = Vm::start(
            Compiled::built()?,
            Setup::of_scenarios(configuration.to_string().as_bytes()),
        )?;
        for credential in &credentials {
            let from = vm.log().len();
            let id = vm.open(&Request::new("GET", target).header("authorization", credential))?;
            vm.close(id)?;
            let lines = vm.log().get(from..).unwrap_or_default().join("\n");
            assert!(
                lines.contains("\"decision\""),
                "{target}: nothing is logged of {credential}"
            );
            let (_, presented) = credential.split_once(' ').unwrap_or_default();
            let parts = presented.split('.').filter(|part| part.len() >= 8);
            for secret in parts.chain(SECRETS).chain([presented]) {
                assert!(
                    !lines.contains(secret),
                    "{target}: `{secret}` is in the log\n{lines}"
                );
            }
        }
    }
    Ok(())
}
