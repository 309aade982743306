//! `registry-auth explain --trace`: the record that a client was given with a refusal.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use registry_auth_engine::Now;
use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::authn::verify::PureRust;
use registry_auth_engine::config::{Role, decode_value};
use registry_auth_engine::decision::Verdict;
use registry_auth_engine::facts::{Facts, Gathered};
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::keys::source::KeyRing;
use registry_auth_engine::keys::{Kind, SigningKey};
use registry_auth_engine::record::{Decided, Record};
use registry_auth_engine::reply::{Realm, ReplyTo};
use registry_auth_engine::request::RequestHead;
use registry_auth_engine::time::UnixTime;
use registry_auth_engine::trace::{Recorder, Trace};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::explain::{blocks_of, files};
use crate::shim::{Folder, command};

const PAGE: &str = include_str!("../../../docs/record.md");
const KEY: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_800_000_000;

/// The policy of docs/explain.md, with the keys of its issuer.
fn policy(key: &SigningKey) -> anyhow::Result<Value> {
    let page = include_str!("../../../docs/explain.md");
    let blocks = blocks_of(page);
    let policy = blocks.iter().find(|(info, _)| *info == "yaml policy.yaml");
    let (_, policy) = policy.context("a policy")?;
    let mut policy: Value = serde_saphyr::from_str(policy)?;
    let issuer = policy
        .pointer_mut("/http/auth/bearer/oidc/0")
        .and_then(Value::as_object_mut)
        .context("an issuer")?;
    issuer.insert("jwks".to_owned(), json!({ "keys": [key.to_jwk(false)?] }));
    Ok(policy)
}

fn token(key: &SigningKey) -> String {
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com", "aud": "registry.example.com", "sub": "s", "iat": NOW - 60,
        "exp": NOW + 600, "repository": "acme/app", "repository_owner_id": "9919", "ref": "refs/heads/main",
    });
    let [header, claims] = [json!({ "alg": "EdDSA", "kid": "k" }), claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The body of the answer to `push acme/app:latest`.
fn refused() -> anyhow::Result<String> {
    let key = SigningKey::new(Kind::Ed25519, &[1; 32], Some("k"))?;
    let (role, mut diagnostics) = decode_value(policy(&key)?);
    let Role::Filter(document) = role else {
        bail!("{diagnostics:?}")
    };
    let compiled = registry_auth_engine::compile(&document, &mut diagnostics);
    let engine = compiled.with_context(|| format!("{diagnostics:?}"))?.engine;
    let (path, authorization) = (
        b"/v2/acme/app/manifests/latest",
        format!("Bearer {}", token(&key)),
    );
    let keys = KeyRing::of(engine.sources());
    let now = UnixTime::from_secs(NOW);
    let facts = Facts {
        keys: &keys,
        gathered: &Gathered::default(),
        now: Now::Exact(now),
    };
    let head = RequestHead {
        method: b"PUT",
        path,
        authorization: vec![authorization.as_bytes()],
        ..RequestHead::default()
    };
    let (trace, mut identities) = (Trace::default(), IdentityCache::default());
    let recorder = Recorder::of(&trace);
    let Verdict::Deny(denied) = engine.record(&head, &facts, &mut identities, &PureRust, recorder)
    else {
        bail!("it is not refused")
    };
    let mut to = ReplyTo {
        method: head.method,
        target: path,
        id: b"8de09b0e",
        trace: "",
    };
    let record = Record {
        decided: Decided::Denied(&denied),
        trace: Some(&trace),
        time: Some(now),
        waited: Duration::ZERO,
        request: to,
        client: "",
        policy: "5d1b04d6a9ab8d1c",
        shadow: None,
    };
    let key = PushKey::new(KEY.as_bytes())?;
    let sealed = record.seal(&key, &[7; 24]).context("no record")?;
    to.trace = &sealed;
    Ok(String::from_utf8(denied.reply(&Realm::default(), to).body)?)
}

/// Runs `explain --trace`. Returns its exit status and what it wrote.
async fn explain(
    folder: &Folder,
    (text, input): (&str, &str),
    key: Option<&str>,
) -> anyhow::Result<(Option<i32>, String)> {
    let mut command = command(&["explain", "--config", "policy.yaml", "--trace", text]);
    command.current_dir(folder.path(""));
    if let Some(key) = key {
        command.env("REGISTRY_AUTH_PUSH_KEY", key);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("no input")?;
    // The command may end before it has read.
    drop(stdin.write_all(input.as_bytes()).await);
    drop(stdin);
    let output = child.wait_with_output().await?;
    let both = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(both)?))
}

#[tokio::test]
async fn a_pasted_error_is_enough_for_who_has_the_push_key() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let body = refused()?;
    let sealed: Value = serde_json::from_str(&body)?;
    let sealed = sealed
        .pointer("/errors/0/detail/trace")
        .and_then(Value::as_str);
    let sealed = sealed.context("no record")?;
    let sample = blocks_of(PAGE)
        .into_iter()
        .find(|(info, _)| *info == "console");
    let (line, expected) = sample
        .and_then(|(_, sample)| sample.split_once('\n'))
        .context("a sample")?;
    assert_eq!(
        line,
        "$ registry-auth explain --config policy.yaml --trace - < error.txt"
    );
    let docker = format!(
        "denied: requested access to the resource is denied map[id:8de09b0e reason:push a version trace:{sealed}]\n"
    );
    for (text, input) in [("-", body.as_str()), ("-", docker.as_str()), (sealed, "")] {
        let (status, out) = explain(&folder, (text, input), Some(KEY)).await?;
        assert_eq!((status, out.as_str()), (Some(3), expected), "{input}");
    }
    let cut = sealed.get(1..).context("cut")?;
    let other = KEY.replace('0', "1");
    let long = "a".repeat(1 << 20);
    // (text, standard input, push key, message)
    let rows = [
        (
            sealed,
            "",
            None,
            "`REGISTRY_AUTH_PUSH_KEY` has to hold the push key",
        ),
        (sealed, "", Some("short"), "shorter than 32 bytes"),
        (
            sealed,
            "",
            Some(other.as_str()),
            "nothing in the text is a record",
        ),
        (cut, "", Some(KEY), "nothing in the text is a record"),
        ("", "", Some(KEY), "nothing in the text is a record"),
        (
            "-",
            long.as_str(),
            Some(KEY),
            "nothing in the text is a record",
        ),
    ];
    for (text, input, key, message) in rows {
        let (status, out) = explain(&folder, (text, input), key).await?;
        assert!(status == Some(1) && out.contains(message), "{out}");
        assert!(!out.contains(KEY) && out.lines().count() <= 2, "{out}");
    }
    Ok(())
}
