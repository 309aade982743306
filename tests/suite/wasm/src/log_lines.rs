//! No client makes a long line of the log.

use registry_auth_harness::client::Request;
use registry_auth_harness::key;
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::substrate::now;
use registry_auth_vm::{Compiled, Setup, Vm};
use serde_json::json;

use crate::Outcome;

/// As `MAX_LINE` of the filter, with the level and the mark of a cut.
const MAX_LINE: usize = 64 * 1024 + 32;

#[test]
fn a_text_of_a_client_in_wasm_is_cut_at_2_kib_and_says_how_long_it_was() -> Outcome {
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
        let mut all = json!({ "iss": "https://issuer.test", "aud": "registry", "iat": "-1m", "exp": "+1h" });
        all.as_object_mut().into_iter().zip(claims.as_object()).for_each(|(all, claims)| all.extend(claims.clone()));
        let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": all }))?;
        Ok(format!("Bearer {}", recipe.mint(now())?))
    };
    let long = 90_000;
    let get = |target: &str| Request::new("GET", target);
    let named = |name: String| {
        Ok::<_, anyhow::Error>(get("/v2/open/tags/list").header("authorization", &token(json!({ "sub": name }))?))
    };
    // (request, what the line says, or "" if it is not cut)
    let rows = [
        (get(&format!("/{}", "a".repeat(long))), "... (90001 bytes)"),
        (get(&format!("/v2/{}/tags/list", "\"".repeat(long))), "... (90014 bytes)"),
        (get(&format!("/open/{}", "a".repeat(long))), "... (90006 bytes)"),
        (get(&format!("/{}", "\u{e2}\u{82}\u{ac}".repeat(1000))), "... (3001 bytes)"),
        (Request::new(&"X".repeat(long), "/v2/"), "... (90000 bytes)"),
        (named("u".repeat(20_000))?, "... (20020 bytes)"),
        (named("\u{1}".repeat(5_000))?, "... (5020 bytes)"),
        (get(&format!("/{}", "a".repeat(2047))), ""),
        (get(&format!("/{}?{}", "a".repeat(2047), "q".repeat(long))), ""),
    ];
    for (request, cut) in rows {
        let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(configuration.to_string().as_bytes()))?;
        let id = vm.open(&request)?;
        vm.close(id)?;
        let lines: Vec<_> = vm.log().iter().filter(|line| line.contains("\"decision\"")).collect();
        let [line] = lines[..] else { panic!("{} lines about one request", lines.len()) };
        let shown: String = line.chars().take(200).collect();
        assert!(line.len() <= MAX_LINE, "{} bytes: {shown}", line.len());
        assert_eq!(line.contains("... ("), !cut.is_empty(), "{shown}");
        assert!(line.contains(cut), "no {cut}: {shown}");
        let (_, json) = line.split_once(": ").ok_or_else(|| anyhow::anyhow!("no level"))?;
        serde_json::from_str::<serde_json::Value>(json).map_err(anyhow::Error::from)?;
    }
    Ok(())
}
