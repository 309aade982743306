//! `registry-auth credential-helper`, `token`, `kubelet-credential-provider` and `render kubelet`, as
//! processes.

use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::shim::{Folder, command, text};

/// What a command did.
struct Ended {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs a command with these variables, and a text on stdin.
async fn run(words: &[&str], variables: &[(&str, &str)], stdin: &str) -> anyhow::Result<Ended> {
    let mut command = command(words);
    command.envs(variables.iter().copied());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut pipe = child.stdin.take().context("stdin")?;
    // A command that does not read it may have ended.
    drop(pipe.write_all(stdin.as_bytes()).await);
    drop(pipe);
    let output = child.wait_with_output().await?;
    Ok(Ended {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// Returns a token that ends in `left` seconds, and that nobody has signed.
fn token(audience: &str, left: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or_default());
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": "https://issuer.example.com", "sub": "robot", "aud": [audience], "iat": now, "exp": now + left,
    });
    format!("{}.{}.c2ln", part(&json!({"alg": "ES256"})), part(&claims))
}

const HOST: &str = "registry.example.com";

#[tokio::test]
async fn the_helper_is_also_a_command() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let settings = json!({"registries": {HOST: {"source": "env", "username": "ci"}}});
    let settings = folder.write("credentials.json", &settings.to_string())?;
    for place in [folder.path(""), settings.clone()] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(place, mode)?;
    }
    let token = token(HOST, 300);
    let variables = [
        ("REGISTRY_AUTH_CREDENTIALS", text(&settings)?),
        ("REGISTRY_AUTH_TOKEN", &token),
    ];
    let found =
        format!("{{\"ServerURL\":\"{HOST}\",\"Username\":\"ci\",\"Secret\":\"{token}\"}}\n");
    let rows = [
        ("get", HOST, &*found, Some(0)),
        (
            "get",
            "a.example.com",
            "credentials not found in native keychain\n",
            Some(1),
        ),
        (
            "list",
            "unused",
            "{\"registry.example.com\":\"ci\"}\n",
            Some(0),
        ),
        ("erase", HOST, "", Some(0)),
        (
            "nothing",
            "",
            "docker-credential-registry-auth: unknown action: nothing: write get, store, erase, list or version\n",
            Some(1),
        ),
    ];
    for (verb, stdin, expected, status) in rows {
        let ended = run(&["credential-helper", verb], &variables, stdin).await?;
        assert_eq!(
            (&*ended.stdout, ended.status),
            (expected, status),
            "{verb} {}",
            ended.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_token_is_printed_or_explained() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let good = token(HOST, 300);
    let policy = json!({ "http": {
        "auth": { "bearer": { "realm": "registry", "service": HOST, "oidc": [{
            "issuer": "https://issuer.example.com", "audiences": [HOST], "claimMapping": { "username": "claims.sub" },
        }] } },
        "accessControl": { "repositories": { "team/**": { "policies": [{ "users": ["robot"], "actions": ["read"] }] } } },
    } });
    let policy = folder.write("policy.json", &policy.to_string())?;
    let policy = text(&policy)?;
    let variables = [
        ("MINE", good.as_str()),
        ("LATE", &token(HOST, -5)),
        ("OTHER", &token("a", 300)),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    // The rows: the source, more words, the status, and what is printed.
    let rows: [(&str, &[&str], i32, &str); 9] = [
        ("env:MINE", &[], 0, &good),
        ("env:MINE", &["--explain"], 0, "\"sub\": \"robot\""),
        (
            "env:MINE",
            &["--explain", "--config", policy],
            0,
            "ALLOWED  (GET /v2/)",
        ),
        (
            "env:MINE",
            &["--explain", "--config", policy, "pull", "team/app:v1"],
            0,
            "ALLOWED  (pull team/app:v1)",
        ),
        (
            "env:MINE",
            &["--explain", "--config", policy, "push", "team/app:v1"],
            3,
            "REFUSED 403 DENIED",
        ),
        ("env:LATE", &[], 1, "error: env: the token ended "),
        (
            "env:OTHER",
            &[],
            1,
            "error: env: the token is for the audience `a`, not for the audience `registry.example.com`",
        ),
        ("env:NONE", &["--explain"], 1, "error: env: NONE is not set"),
        ("nothing", &[], 2, "unknown source: write github,"),
    ];
    for (source, more, status, expected) in rows {
        let words = [&["token", "--audience", HOST, "--source", source], more].concat();
        let ended = run(&words, &variables, "").await?;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.status, Some(status), "{words:?} {said}");
        assert!(said.contains(expected), "{words:?}: {said}");
        let shows = source == "env:MINE" && more.is_empty();
        for (_, token) in &variables {
            assert_eq!(
                said.contains(token),
                shows && **token == *good,
                "{words:?}: {said}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_kubelet_gets_what_render_has_configured() -> anyhow::Result<()> {
    let rendered = run(&["render", "kubelet", "--registry", HOST], &[], "").await?;
    assert_eq!(rendered.status, Some(0), "{}", rendered.stderr);
    let arguments = format!("args: [kubelet-credential-provider, \"--audience\", {HOST}]");
    assert!(rendered.stdout.contains(&arguments), "{}", rendered.stdout);
    let request = |token: &str| {
        json!({
            "kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
            "image": "registry.example.com/team/app", "serviceAccountToken": token,
        })
        .to_string()
    };
    let good = token(HOST, 3600);
    let answer = format!(
        "{{\"kind\":\"CredentialProviderResponse\",\"apiVersion\":\"credentialprovider.kubelet.k8s.io/v1\",\"cacheKeyType\":\"Registry\",\"cacheDuration\":\"0s\",\"auth\":{{\"registry.example.com\":{{\"username\":\"node\",\"password\":\"{good}\"}}}}}}\n"
    );
    let other = token("a", 3600);
    let rows = [
        (request(&good), 0, &*answer, ""),
        (
            request(&other),
            1,
            "",
            "error: registry.example.com: the token is for the audience `a`, not",
        ),
        (
            request(&token(HOST, -5)),
            1,
            "",
            "error: registry.example.com: the token ended ",
        ),
        (
            "{}".to_owned(),
            1,
            "",
            "error: stdin has no CredentialProviderRequest of",
        ),
        (
            String::new(),
            1,
            "",
            "error: stdin has no CredentialProviderRequest of",
        ),
    ];
    for (stdin, status, stdout, stderr) in rows {
        let words = ["kubelet-credential-provider", "--audience", HOST];
        let ended = run(&words, &[("REGISTRY_AUTH_USERNAME", "node")], &stdin).await?;
        assert_eq!(ended.status, Some(status), "{stdin}: {}", ended.stderr);
        assert_eq!(ended.stdout, stdout);
        assert!(
            ended.stderr.starts_with(stderr) && !ended.stderr.contains("eyJ"),
            "{}",
            ended.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn two_files_are_written_or_what_is_wrong_is_said() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let out = folder.path("kubelet");
    let words = [
        "render",
        "kubelet",
        "--registry",
        HOST,
        "--out",
        text(&out)?,
    ];
    let ended = run(&words, &[], "").await?;
    assert_eq!(
        (ended.status, &*ended.stdout, &*ended.stderr),
        (Some(0), "", "")
    );
    let provider = std::fs::read_to_string(out.join("credential-provider.yaml"))?;
    assert!(
        provider.contains("kind: CredentialProviderConfig"),
        "{provider}"
    );
    let rbac = std::fs::read_to_string(out.join("rbac.yaml"))?;
    assert!(rbac.contains("kind: ClusterRoleBinding"), "{rbac}");
    let ended = run(&["render", "kubelet", "--registry", "https://a"], &[], "").await?;
    assert_eq!(ended.status, Some(2));
    assert!(
        ended.stderr.starts_with("error: --registry: has no scheme"),
        "{}",
        ended.stderr
    );
    Ok(())
}
