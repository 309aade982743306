//! A minted token may do no more than the credential that it was given for, and as much.

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::key::TestKey;
use registry_auth_harness::scenario::Config;
use registry_auth_harness::substrate::Substrate;
use serde_json::json;

use super::client::{Client, claims, member};

const KEY: &str = "stray-es256";
/// The longest token that is taken.
const LONGEST: usize = 48 * 1024;
const SCOPES: &str = "repository:team/app:*+repository:rank/app:pull+repository:whole/app:pull";
const LIST: &str = "GET /v2/team/app/tags/list";
/// `x5t#S256` of the certificate `alice`.
const ALICE: &str = "cgEnxq8X77XKTwwIWjtYMRogzoIh7rLWNZNsVzWoXtw";

/// `whole`: a condition reads all claims, whatever their names are.
fn configuration(binds: bool, whole: bool) -> Result<Config> {
    let condition = |expression: &str| json!([{ "expression": expression, "message": "not so" }]);
    let team = json!({
        "users": ["ci", "server"], "groups": ["holders"], "actions": ["read", "create", "update"],
        "conditions": condition("!(has(req.claims.untrusted) && req.tag == 'latest')"),
    });
    let rank = json!({
        "users": ["ci"], "actions": ["read"], "conditions": condition("req.claims.rank.value > 0.1 + 0.2"),
    });
    let all = json!({
        "users": ["ci"], "actions": ["read"], "conditions": condition("!req.claims.exists(name, name == 'untrusted')"),
    });
    let mut repositories =
        json!({ "team/**": { "policies": [team] }, "rank/**": { "policies": [rank] } });
    if let Some(repositories) = repositories.as_object_mut().filter(|_| whole) {
        repositories.insert("whole/**".to_owned(), json!({ "policies": [all] }));
    }
    let plugin = json!({
        "http": {
            "auth": {
                "mtls": { "bindTokens": binds },
                "bearer": {
                    "realm": "https://registry.test/auth/token",
                    "service": "registry.test",
                    "cert": TestKey::named("eddsa")?.pkix_pem()?,
                    "oidc": [{
                        "issuer": "http://issuer.test",
                        "audiences": ["registry"],
                        "claimMapping": { "username": "claims.sub" },
                    }],
                    "mint": { "issuer": "token.test", "awsSecretsManager": { "region": "r", "secretName": "mint" } },
                },
            },
            "accessControl": { "groups": { "holders": { "users": ["alice"] } }, "repositories": repositories },
        },
        "proxy": {
            "oidcCluster": "issuers",
            "upstreamCluster": "upstream",
            "identityHeader": "x-registry-user",
            "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" },
        },
    });
    let registry = json!({ "catalog": ["team/app"] });
    Ok(serde_json::from_value(
        json!({ "plugin": plugin, "minting": KEY, "registry": registry }),
    )?)
}

/// Conditions decide by the claims of the credential, which the token has as far as they are read.
fn conditions(client: &mut Client<'_>, whole: bool) -> Result<()> {
    let (v1, latest) = (
        "PUT /v2/team/app/manifests/v1",
        "PUT /v2/team/app/manifests/latest",
    );
    let (rank, all) = ("GET /v2/rank/app/tags/list", "GET /v2/whole/app/tags/list");
    let rows = [
        (json!({}), latest, 200),
        (json!({ "untrusted": true }), v1, 200),
        (json!({ "untrusted": true }), latest, 403),
        (json!({ "untrusted": "" }), latest, 403),
        (
            json!({ "rank": { "value": 0.300_000_000_000_000_1 } }),
            rank,
            200,
        ),
        (
            json!({ "rank": { "value": 0.300_000_000_000_000_04 } }),
            rank,
            403,
        ),
        (json!({ "rank": { "value": 1 } }), rank, 200),
        (json!({ "rank": { "value": "1" } }), rank, 403),
        (json!({ "rank": "0.5" }), rank, 403),
        (json!({}), rank, 403),
        (json!({}), all, if whole { 200 } else { 403 }),
        (json!({ "untrusted": false }), all, 403),
    ];
    for (more, line, expected) in rows {
        let credential = client.credential(&more)?;
        let by_credential = client.status(line, Some(&credential))?.0;
        ensure!(
            by_credential == expected,
            "{line} with {more}: {by_credential} instead of {expected}"
        );
        // What is not granted is not in the token: another scope that is does for that.
        let token = client.mint(SCOPES, Some(&credential))?;
        let by_token = client.status(line, Some(&token))?.0;
        let unchanged =
            by_token == expected || (expected == 403 && by_token == 401 && line != latest);
        ensure!(
            unchanged,
            "{line} with a token for {more}: {by_token} instead of {expected}"
        );
    }
    let credential = client.credential(&json!({ "untrusted": true, "email": "ci@acme.test" }))?;
    let said = claims(&client.mint(SCOPES, Some(&credential))?)?;
    let origin = member(&said, "origin");
    if whole {
        let carried = member(origin, "claims");
        ensure!(
            *carried == claims(&credential)? && *member(origin, "absent") == "*",
            "{said}"
        );
    } else {
        ensure!(
            *origin == json!({ "claims": { "untrusted": true }, "absent": ["rank"] }),
            "{said}"
        );
    }
    // One that says nothing of the claims that conditions read is no token of ours, and is not
    // taken for one without them.
    let access = json!([{ "type": "repository", "name": "team/app", "actions": ["pull", "push"] }]);
    let unsaid = json!({
        "iss": "token.test", "sub": "ci", "aud": "registry.test", "iat": "-1s", "exp": "+5m", "access": access,
    });
    let mut known = unsaid.clone();
    let origin = json!({ "claims": {}, "absent": if whole { json!("*") } else { json!(["untrusted", "rank"]) } });
    known
        .as_object_mut()
        .context("claims")?
        .insert("origin".to_owned(), origin);
    let (unsaid, known) = (client.signed(KEY, unsaid)?, client.signed(KEY, known)?);
    client.refused(LIST, Some(&unsaid), "invalid_token")?;
    client.passes(LIST, Some(&known), "ci")
}

/// A bound credential gives a bound token, and a certificate one that is bound to it.
fn bindings(client: &mut Client<'_>, binds: bool) -> Result<()> {
    let bound = json!({ "cnf": { "x5t#S256": ALICE } });
    let of_other_key = json!({ "cnf": { "jkt": "x" } });
    let credential = client.credential(&bound)?;
    let by_token = client
        .showing(Some("alice"))
        .mint(SCOPES, Some(&credential))?;
    let by_certificate = client.mint(SCOPES, None)?;
    let credential = client.credential(&of_other_key)?;
    client.showing(None);
    // Where bindings count, one that cannot be checked is refused.
    let by_other = if binds {
        client.refused(LIST, Some(&credential), "invalid_token")?;
        None
    } else {
        Some(client.mint(SCOPES, Some(&credential))?)
    };
    let by_other = by_other.as_ref().map(|token| (token, "ci", &of_other_key));
    let bound_ones = [
        (&by_token, "ci", &bound),
        (&by_certificate, "alice", &bound),
    ];
    for (token, user, confirmation) in bound_ones.into_iter().chain(by_other) {
        let said = claims(token)?;
        ensure!(
            member(&said, "cnf") == member(confirmation, "cnf"),
            "{said}"
        );
        client
            .showing(Some("alice"))
            .passes(LIST, Some(token), user)?;
        for certificate in [None, Some("workload")] {
            client.showing(certificate);
            if binds {
                client.refused(LIST, Some(token), "invalid_token")?;
            } else {
                client.passes(LIST, Some(token), user)?;
            }
        }
        client.showing(None);
    }
    // The groups of a certificate are those of the configuration, whenever it is asked.
    let said = claims(&by_certificate)?;
    ensure!(
        *member(&said, "origin") == json!({ "absent": "*", "groups": "accessControl" }),
        "{said}"
    );
    ensure!(member(&said, "groups").is_null(), "{said}");
    Ok(())
}

/// A token ends with the first of what it is granted by, and grants no catalog that was not.
fn ends(client: &mut Client<'_>) -> Result<()> {
    let soon = client.credential(&json!({ "exp": "+100s" }))?;
    let (_, seconds) = client.issue(SCOPES, Some(&soon))?;
    ensure!((30..=90).contains(&seconds), "it is good for {seconds} s");

    let now = client.substrate.now().secs();
    let entry = |action: &str, seconds: i64| json!({ "type": "repository", "name": "team/app", "actions": [action], "exp": now + seconds });
    let catalog = json!({ "type": "registry", "name": "catalog", "actions": ["*"] });
    let pull = "repository:team/app:pull";
    let rows = [
        (
            json!([entry("pull", 120), entry("push", 3600)]),
            SCOPES,
            50..=110,
            false,
        ),
        (
            json!([entry("pull", 120), entry("push", 3600)]),
            "repository:team/app:push",
            300..=300,
            false,
        ),
        (
            json!([entry("pull", 120), entry("push", 3600), entry("*", 200)]),
            pull,
            130..=190,
            false,
        ),
        (json!([entry("pull", 3600), catalog]), pull, 300..=300, true),
        (json!([entry("pull", 3600)]), pull, 300..=300, false),
    ];
    for (access, scopes, lifetime, lists) in rows {
        let server = json!({ "sub": "server", "iat": "-1m", "exp": "+2h", "access": access });
        let credential = client.signed("eddsa", server)?;
        let (token, seconds) = client.issue(scopes, Some(&credential))?;
        ensure!(
            lifetime.contains(&seconds),
            "{access} {scopes}: {seconds} s"
        );
        for token in [&credential, &token] {
            let (status, _) = client.status("GET /v2/_catalog", Some(token))?;
            ensure!(
                status == if lists { 200 } else { 401 },
                "{access}: the catalog is {status}"
            );
        }
    }
    Ok(())
}

/// Claims that are carried may make a token longer than is taken: then there is none.
fn lengths(client: &mut Client<'_>) -> Result<()> {
    let with = |client: &Client<'_>, length| {
        client.credential(&json!({ "untrusted": "x".repeat(length) }))
    };
    let credential = with(client, 30_000)?;
    let token = client.mint(SCOPES, Some(&credential))?;
    client.passes(LIST, Some(&token), "ci")?;
    let overhead = with(client, 0)?.len();
    let credential = with(client, (LONGEST - overhead) / 4 * 3 - 3)?;
    client.passes(LIST, Some(&credential), "ci")?;
    client.refused(
        &format!("GET /auth/token?scope={SCOPES}"),
        Some(&credential),
        "Basic realm=",
    )
}

/// Compares what each credential may do with what the tokens minted for it may do.
///
/// # Errors
/// As [`super::run`].
pub fn run(substrate: &mut dyn Substrate) -> Result<()> {
    let variants = [(true, false), (false, false), (true, true)];
    let configs = variants.map(|(binds, whole)| {
        configuration(binds, whole).and_then(|config| substrate.serve(&config))
    });
    substrate.start()?;
    for ((binds, whole), config) in variants.into_iter().zip(configs) {
        let client = &mut Client::new(substrate, config?);
        conditions(client, whole).with_context(|| format!("conditions, whole {whole}"))?;
        bindings(client, binds).with_context(|| format!("bindings, binds {binds}"))?;
        ends(client).context("ends")?;
        lengths(client).context("lengths")?;
    }
    Ok(())
}
