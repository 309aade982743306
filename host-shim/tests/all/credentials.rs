//! `registry-auth explain` for a client certificate, and for a token whose keys are fetched.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use registry_auth_engine::keys::{Kind, SigningKey};
use serde_json::{Value, json};

use crate::explain::run;
use crate::issuer::{Issuer, certificate};
use crate::shim::Folder;

fn mtls(section: &Value, users: &[&str]) -> Value {
    let policies = json!([{ "users": users, "actions": ["read"] }, { "groups": ["ops"], "actions": ["delete"] }]);
    let file = |name: &str| certificate(name).display().to_string();
    json!({ "http": {
        "tls": { "cert": file("server"), "key": file("server.key"), "cacert": file("ca") },
        "auth": { "mtls": section },
        "accessControl": {
            "repositories": { "team/**": { "policies": policies } },
            "groups": { "ops": { "users": ["workload"] } },
        },
    } })
}

#[tokio::test]
async fn a_certificate_is_the_user_that_the_configuration_makes_of_it() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let uri = json!({ "identityAttributes": ["URI"], "uriSanPattern": "^spiffe://[^/]+/(.*)$" });
    folder.write(
        "name.json",
        &mtls(&json!({}), &["alice", "workload"]).to_string(),
    )?;
    folder.write("uri.json", &mtls(&uri, &["ns/team/sa/ci"]).to_string())?;
    let mut without = mtls(&json!({}), &["alice"]);
    without["http"]
        .as_object_mut()
        .context("no object")?
        .remove("tls");
    without["http"]["auth"] = json!({ "bearer": { "realm": "r", "service": "s", "oidc": [{ "issuer": "https://i.example", "audiences": ["s"] }] } });
    folder.write("without.json", &without.to_string())?;
    let alice = std::fs::read_to_string(certificate("alice"))?;
    let key = std::fs::read_to_string(certificate("client.key"))?;
    folder.write("both.pem", &format!("{key}{alice}"))?;
    folder.write("key.pem", &key)?;
    folder.write("text.pem", "no PEM")?;
    folder.write(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )?;
    let path = |name: &str| certificate(name).display().to_string();
    let rows = [
        (
            "name.json",
            path("alice"),
            "pull team/app:v1",
            0,
            "user     alice   groups none\n",
        ),
        (
            "name.json",
            "both.pem".to_owned(),
            "pull team/app:v1",
            0,
            "the certificate has the subject `CN=alice` and ends ",
        ),
        (
            "name.json",
            path("workload"),
            "delete team/app:v1",
            0,
            "user     workload   groups ops\n",
        ),
        (
            "name.json",
            path("alice"),
            "delete team/app:v1",
            3,
            "nearest  a caller in the group `ops`; or `pull team/app:v1`\n",
        ),
        (
            "name.json",
            path("nameless"),
            "pull team/app:v1",
            3,
            "REFUSED 401 UNAUTHORIZED: authentication required (unusable_certificate)",
        ),
        (
            "name.json",
            format!("{} --at 4000000000000", path("alice")),
            "pull team/app:v1",
            3,
            "unusable_certificate",
        ),
        (
            "uri.json",
            path("alice"),
            "pull team/app:v1",
            3,
            "unusable_certificate",
        ),
        (
            "without.json",
            path("alice"),
            "pull team/app:v1",
            3,
            "`http.auth.mtls` is not configured: certificates are not read\n",
        ),
        (
            "name.json",
            "key.pem".to_owned(),
            "list team/app",
            1,
            "`key.pem` holds no certificate",
        ),
        (
            "name.json",
            "text.pem".to_owned(),
            "list team/app",
            1,
            "`text.pem` holds no certificate",
        ),
        (
            "name.json",
            "broken.pem".to_owned(),
            "list team/app",
            1,
            "the certificate in `broken.pem` cannot be read",
        ),
        (
            "name.json",
            "none.pem".to_owned(),
            "list team/app",
            1,
            "cannot read `none.pem`",
        ),
        (
            "name.json",
            format!("{} --anonymous", path("alice")),
            "list team/app",
            2,
            "cannot be used with",
        ),
    ];
    for (config, cert, words, expected, text) in rows {
        let words = format!("explain --config {config} --cert {cert} {words}");
        let (status, out, errors) = run(&folder.path(""), &words).await?;
        let both = format!("{out}{errors}");
        assert_eq!(status, Some(expected), "{words}: {both}");
        assert!(both.contains(text), "{words}: {both}");
        assert!(!both.contains("PRIVATE"), "{both}");
    }
    Ok(())
}

/// A token of an issuer that ends in 2100, and the public half of its key.
fn token(issuer: &str, seed: u8) -> anyhow::Result<(String, Value)> {
    until(issuer, seed, 4_102_444_800)
}

fn until(issuer: &str, seed: u8, expires: u64) -> anyhow::Result<(String, Value)> {
    let key = SigningKey::new(Kind::P256, &[seed; 32], Some("k"))?;
    let claims = json!({ "iss": issuer, "aud": "registry", "sub": "ci", "iat": 1, "exp": expires });
    let [header, claims] = [json!({ "alg": "ES256", "kid": "k" }), claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    Ok((format!("{signed}.{signature}"), key.to_jwk(false)?))
}

#[tokio::test]
async fn the_keys_of_a_token_are_fetched_from_its_issuer_alone() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let (issuer, other) = (Issuer::start().await?, Issuer::start().await?);
    let (good, public) = token(&issuer.url(), 1)?;
    issuer.add(public);
    let authority = certificate("issuer-ca").display().to_string();
    let entry = |url: String, ca: Option<&str>| {
        let mut entry = json!({ "issuer": url, "audiences": ["registry"], "claimMapping": { "username": "claims.sub" } });
        if let Some(ca) = ca {
            entry["certificateAuthorityFile"] = ca.into();
        }
        entry
    };
    let document = |oidc: Value| {
        json!({ "http": {
            "auth": { "bearer": { "realm": "r", "service": "s", "oidc": oidc } },
            "accessControl": { "repositories": { "**": { "policies": [{ "users": ["ci"], "actions": ["read"] }] } } },
        } })
        .to_string()
    };
    let both = json!([
        entry(issuer.url(), Some(&authority)),
        entry(other.url(), Some(&authority))
    ]);
    folder.write("fetch.json", &document(both))?;
    folder.write("system.json", &document(json!([entry(issuer.url(), None)])))?;
    folder.write("good", &good)?;
    folder.write("forged", &token(&issuer.url(), 2)?.0)?;
    folder.write("expired", &until(&issuer.url(), 1, 1_700_000_000)?.0)?;
    folder.write("other", &token(&other.url(), 1)?.0)?;
    folder.write("stranger", &token("https://stranger.example", 1)?.0)?;
    let rows = [
        (
            "fetch.json",
            "--token-file good --fetch",
            0,
            "1 keys of https://localhost:",
        ),
        (
            "fetch.json",
            "--token-file forged --fetch",
            3,
            "bad_signature",
        ),
        (
            "fetch.json",
            "--token-file expired --fetch",
            3,
            "nearest  a token that has not expired\n",
        ),
        (
            "fetch.json",
            "--token-file stranger --fetch",
            3,
            "no keys were fetched: no entry of `oidc`",
        ),
        (
            "fetch.json",
            "--token-file other --fetch",
            1,
            "error: fetching keys of https://localhost:",
        ),
        (
            "system.json",
            "--token-file good --fetch",
            1,
            "error: fetching keys of https://localhost:",
        ),
        (
            "fetch.json",
            "--token-file good --fetch --jwks x",
            2,
            "cannot be used with",
        ),
        ("fetch.json", "--anonymous --fetch", 2, "--token-file"),
    ];
    for (config, options, expected, text) in rows {
        let words = format!("explain --config {config} {options} pull team/app:v1");
        let (status, out, errors) = run(&folder.path(""), &words).await?;
        let both = format!("{out}{errors}");
        assert_eq!(status, Some(expected), "{words}: {both}");
        assert!(both.contains(text), "{words}: {both}");
        for part in good.split('.') {
            assert!(!both.contains(part), "{both}");
        }
    }
    Ok(())
}
