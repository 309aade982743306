//! Tokens that the endpoint mints: what they say, who accepts them, and that nothing else passes
//! for one.

pub mod client;
pub mod restrictions;

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm,
};
use registry_auth_harness::expect::Outcome as Became;
use registry_auth_harness::key::TestKey;
use registry_auth_harness::scenario::Config;
use registry_auth_harness::substrate::Substrate;
use serde_json::{Value, json};

use client::{Client, claims, member, part};

const UPLOAD: &str = "POST /v2/team/app/blobs/uploads/";

/// The policy of all rows, with tokens signed by the test key `key`.
///
/// # Errors
/// There is no such key.
pub fn configuration(key: &str) -> Result<Config> {
    let policies = json!([
        { "users": ["ci"], "actions": ["read", "create"] },
        { "groups": ["release"], "actions": ["read", "create", "update", "delete"] },
    ]);
    let mapping =
        json!({ "username": "claims.sub", "groups": "has(claims.groups) ? claims.groups : []" });
    let mint = json!({
        "issuer": "token.test",
        "algorithm": TestKey::named(key)?.algorithm(),
        "awsSecretsManager": { "region": "us-east-1", "secretName": "mint" },
    });
    let plugin = json!({
        "http": {
            "auth": { "bearer": {
                "realm": "https://registry.test/auth/token",
                "service": "registry.test",
                "oidc": [{ "issuer": "http://issuer.test", "audiences": ["registry"], "claimMapping": mapping }],
                "mint": mint,
            } },
            "accessControl": { "repositories": {
                "team/**": { "policies": policies },
                "public/**": { "anonymousPolicy": ["read"] },
            } },
        },
        "proxy": {
            "oidcCluster": "issuers",
            "upstreamCluster": "upstream",
            "identityHeader": "x-registry-user",
            "forwardAuthorization": true,
            "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" },
        },
    });
    let registry = json!({ "catalog": ["public/a", "secret/a", "team/app"] });
    Ok(serde_json::from_value(
        json!({ "plugin": plugin, "minting": key, "registry": registry }),
    )?)
}

/// Another implementation verifies it, as a registry would.
fn verified(token: &str, key: &str) -> Result<()> {
    let key = TestKey::named(key)?;
    let header: Value = serde_json::from_slice(&part(token, 0)?)?;
    ensure!(
        header == json!({ "alg": key.algorithm(), "kid": key.name(), "typ": "JWT" }),
        "{header}"
    );
    let algorithm: &'static dyn VerificationAlgorithm = if key.algorithm() == "EdDSA" {
        &ED25519
    } else {
        &ECDSA_P256_SHA256_FIXED
    };
    let (input, _) = token.rsplit_once('.').context("no signature")?;
    let public = ParsedPublicKey::new(algorithm, key.spki_der()?)?;
    Ok(public.verify_sig(input.as_bytes(), &part(token, 2)?)?)
}

fn play(client: &mut Client<'_>, key: &str) -> Result<()> {
    let ci = client.credential(&json!({}))?;
    let group = client.credential(&json!({ "sub": "g", "groups": ["release", "x"] }))?;

    let token = client.mint(
        "repository:team/app:pull,push,delete+repository:secret/a:pull",
        Some(&ci),
    )?;
    verified(&token, key)?;
    let mut said = claims(&token)?;
    let now = client.substrate.now().secs();
    let issued = member(&said, "iat").as_i64().context("no iat")?;
    // The clock of a VM that has waited is ahead.
    ensure!(
        (now - 60..=now + 60).contains(&issued),
        "iat {issued}, now {now}"
    );
    ensure!(
        *member(&said, "exp") == issued + 300 && *member(&said, "nbf") == issued - 10,
        "{said}"
    );
    ensure!(
        member(&said, "jti")
            .as_str()
            .is_some_and(|id| id.len() == 22),
        "{said}"
    );
    for name in ["iat", "exp", "nbf", "jti"] {
        said.as_object_mut().context("no object")?.remove(name);
    }
    let access = json!([{ "type": "repository", "name": "team/app", "actions": ["pull", "push"] }]);
    ensure!(
        said == json!({ "iss": "token.test", "sub": "ci", "aud": "registry.test", "access": access }),
        "{said}"
    );

    // It is good for what it says, together with the policy, and the registry gets it.
    client.passes("GET /v2/", Some(&token), "ci")?;
    client.passes("GET /v2/team/app/tags/list", Some(&token), "ci")?;
    client.passes(UPLOAD, Some(&token), "ci")?;
    let Became::Forwarded { seen, .. } = client.send(UPLOAD, Some(&token))? else {
        anyhow::bail!("not forwarded")
    };
    ensure!(
        seen.values("authorization") == [format!("Bearer {token}")],
        "the registry does not get the token"
    );
    client.refused(
        "GET /v2/team/other/tags/list",
        Some(&token),
        "insufficient_scope",
    )?;
    client.refused(
        "DELETE /v2/team/app/manifests/v1",
        Some(&token),
        "insufficient_scope",
    )?;
    let narrow = client.mint("repository:team/app:pull", Some(&ci))?;
    client.passes("GET /v2/team/app/tags/list", Some(&narrow), "ci")?;
    client.refused(UPLOAD, Some(&narrow), "insufficient_scope")?;

    // Groups go with it; the catalog is filtered and not in it.
    let token = client.mint("repository:team/app:*+registry:catalog:*", Some(&group))?;
    ensure!(
        *member(&claims(&token)?, "groups") == json!(["release", "x"]),
        "groups are lost"
    );
    ensure!(
        member(&claims(&token)?, "access")
            .as_array()
            .is_some_and(|access| access.len() == 1),
        "the catalog is in it"
    );
    client.passes("DELETE /v2/team/app/manifests/v1", Some(&token), "g")?;
    let Became::Answered(catalog) = client.send("GET /v2/_catalog", Some(&token))? else {
        anyhow::bail!("no catalog")
    };
    let names: Value = serde_json::from_slice(&catalog.body)?;
    ensure!(
        names == json!({ "repositories": ["public/a", "team/app"] }),
        "{names}"
    );

    // Nobody's token is good for what it says and no more, as at a registry that checks it itself.
    let token = client.mint("repository:public/a:pull+repository:team/app:pull", None)?;
    ensure!(*member(&claims(&token)?, "sub") == "", "nobody has a name");
    client.passes("GET /v2/public/a/tags/list", Some(&token), "")?;
    client.refused("GET /v2/team/app/tags/list", Some(&token), "Bearer realm=")?;
    client.passes("GET /v2/", Some(&token), "")?;

    forgeries(client, key)
}

fn forgeries(client: &mut Client<'_>, key: &str) -> Result<()> {
    let ci = client.credential(&json!({}))?;
    let token = client.mint("repository:team/app:pull", Some(&ci))?;
    client.refused(
        "GET /auth/token?scope=repository:team/app:pull",
        Some(&token),
        "Basic realm=",
    )?;
    let access = json!([{ "type": "repository", "name": "team/app", "actions": ["pull"] }]);
    let good = json!({
        "iss": "token.test", "sub": "ci", "aud": "registry.test", "iat": "-1s", "exp": "+5m", "access": access,
    });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims
            .as_object_mut()
            .into_iter()
            .for_each(|claims| drop(claims.insert(name.to_owned(), value.clone())));
        claims
    };
    let list = "GET /v2/team/app/tags/list";
    let as_minted = client.signed(key, good.clone())?;
    client.passes(list, Some(&as_minted), "ci")?;
    // No shim is there to be asked for a key of this id, and nothing is called bad that was not
    // looked up.
    let (status, _) = client.status(list, Some(&client.signed("es256", good.clone())?))?;
    ensure!(status == 503, "a key id that nobody looks up: {status}");
    let forged = [
        client.signed(key, with("iss", json!("http://issuer.test")))?,
        client.signed(key, with("iss", json!("token.test/")))?,
        client.signed(key, with("aud", json!("other.test")))?,
        client.signed(key, with("exp", json!("-20s")))?,
        client.signed(key, with("exp", Value::Null))?,
        client.signed(key, with("iat", json!("+1h")))?,
        client.signed(key, with("access", json!("all")))?,
    ];
    for (index, forged) in forged.iter().enumerate() {
        client
            .refused(list, Some(forged), "invalid_token")
            .with_context(|| format!("forgery {index}"))?;
    }
    Ok(())
}

/// Mints tokens with each kind of key, and tries them and forgeries of them.
///
/// # Errors
/// A request came out otherwise than it should; the message says which.
pub fn run(substrate: &mut dyn Substrate) -> Result<()> {
    let keys = ["stray-es256", "stray-eddsa"];
    let configs = keys.map(|key| substrate.serve(&configuration(key)?));
    substrate.start()?;
    for (key, config) in keys.into_iter().zip(configs) {
        play(&mut Client::new(substrate, config?), key).with_context(|| key.to_owned())?;
    }
    Ok(())
}
