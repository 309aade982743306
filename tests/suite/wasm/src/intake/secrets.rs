//! A filter uses its own secrets only, and private keys are never in plain text.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::*;
use crate::Outcome;

/// A filter whose tokens are signed with the keys of a secret, and which mints with those of
/// another.
fn server(region: &str, secret: &str, mint: &str) -> Setup {
    let place = |name: &str| json!({"region": region, "secretName": name});
    let document = json!({
        "http": {
            "auth": {"bearer": {
                "realm": "https://registry.test/auth/token",
                "service": "registry.test",
                "audiences": ["registry"],
                "awsSecretsManager": place(secret),
                "mint": {"issuer": "token.test", "awsSecretsManager": place(mint)},
            }},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
        },
        "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}},
    });
    Setup::of_scenarios(document.to_string().as_bytes())
}

/// Returns true if a filter accepts a token that is signed with this key, as one of the token
/// server's or as one that it has minted.
fn accepts(filter: &mut Vm, key: &str, claims: &Value) -> Result<bool> {
    filter.tick()?;
    let recipe: Recipe = serde_json::from_value(json!({"key": key, "claims": claims}))?;
    let bearer = format!("Bearer {}", recipe.mint(filter.now())?);
    let id =
        filter.open(&Request::new("GET", "/v2/app/tags/list").header("authorization", &bearer))?;
    filter.tick()?;
    if filter.progress(id)? == Progress::Waiting {
        filter.advance(PATIENCE);
        filter.tick()?;
    }
    Ok(matches!(filter.progress(id)?, Progress::Forwarded(_)))
}

#[test]
fn a_filter_uses_the_keys_of_its_own_secrets_only_in_the_module() -> Outcome {
    own_secrets_only()?;
    Ok(())
}

fn own_secrets_only() -> Result<()> {
    let module = Compiled::built()?;
    let access = json!([{"type": "repository", "name": "app", "actions": ["pull"]}]);
    let served =
        json!({"sub": "ci", "aud": "registry", "access": access, "exp": "+1h", "iat": "-1m"});
    let minted = json!({"iss": "token.test", "sub": "ci", "aud": "registry.test", "access": access,
                        "exp": "+4m", "iat": "-1s", "nbf": "-1s", "jti": "1"});
    // (region, secret, secret that mints), and whether the keys are its own.
    let rows = [
        ("its own", ["us-east-1", "keys", "signing"], [true, true]),
        (
            "another secret",
            ["us-east-1", "other", "other-signing"],
            [false, false],
        ),
        (
            "another region",
            ["eu-west-1", "keys", "signing"],
            [false, false],
        ),
        (
            "the two secrets in each other's place",
            ["us-east-1", "signing", "keys"],
            [false, false],
        ),
        (
            "one of the two",
            ["us-east-1", "keys", "other-signing"],
            [true, false],
        ),
    ];
    for (name, [region, secret, mint], [serves, mints]) in rows {
        let setup = server(region, secret, mint);
        let intake = Setup {
            shared: setup.shared.clone(),
            ..Setup::of_scenarios(INTAKE.as_bytes())
        };
        let (mut filter, mut intake) = (Vm::start(module, setup)?, Vm::start(module, intake)?);
        let private = json!({"keys": [key::TestKey::named("next-es256")?.private_jwk()?]});
        let sets = [
            ("secret:us-east-1/keys", key::jwks(&["eddsa"])?),
            ("mint:us-east-1/signing", private),
        ];
        for (set, keys) in sets {
            let id = intake.open(&push::request(set, &keys, intake.now()))?;
            ensure!(
                matches!(
                    intake.progress(id)?,
                    Progress::Answered(Response { status: 200, .. })
                ),
                "{name}: {set}"
            );
        }
        assert_eq!(
            accepts(&mut filter, "eddsa", &served)?,
            serves,
            "{name}: the keys that verify"
        );
        assert_eq!(
            accepts(&mut filter, "next-es256", &minted)?,
            mints,
            "{name}: the key that signs"
        );
    }
    Ok(())
}

#[test]
fn another_plugin_finds_no_private_key_in_shared_data_in_the_module() -> Outcome {
    no_private_key_is_found()?;
    Ok(())
}

fn no_private_key_is_found() -> Result<()> {
    let module = Compiled::built()?;
    let setup = server("us-east-1", "keys", "signing");
    let intake = Setup {
        shared: setup.shared.clone(),
        ..Setup::of_scenarios(INTAKE.as_bytes())
    };
    let mut intake = Vm::start(module, intake)?;
    let private = key::TestKey::named("es256")?.private_jwk()?;
    let set = "mint:us-east-1/signing";
    let request = push::request(set, &json!({"keys": [private]}), intake.now());
    let id = intake.open(&request)?;
    ensure!(
        matches!(
            intake.progress(id)?,
            Progress::Answered(Response { status: 200, .. })
        ),
        "not taken"
    );
    let secret = private
        .get("d")
        .and_then(Value::as_str)
        .context("no private key")?;
    let name = format!("registry-auth/keys/2/{set}");
    let (stored, _) = setup
        .shared
        .get(name.as_bytes())
        .context("nothing is stored")?;
    let Body::Sized(pushed) = &request.body else {
        anyhow::bail!("no body")
    };
    for (place, bytes) in [("on the way", pushed), ("in shared data", &stored)] {
        for part in bytes.split(|byte| *byte == b'.') {
            let text = BASE64_URL_SAFE_NO_PAD.decode(part)?;
            ensure!(
                !String::from_utf8_lossy(&text).contains(secret),
                "a private key is {place}"
            );
            ensure!(
                !String::from_utf8_lossy(&text).contains("\"d\""),
                "a private key is {place}"
            );
        }
    }
    ensure!(
        String::from_utf8_lossy(&stored).matches('.').count() == 2,
        "no envelope is stored"
    );
    Ok(())
}
