//! Each source against a service that answers as the real one does.

mod aws;
mod spiffe;

use std::path::Path;

use crate::environment::Environment;
use crate::http::tests::{Stub, answer};
use crate::source::Source;

const AUDIENCE: &str = "https://registry.example.com";
const ENCODED: &str = "https%3A%2F%2Fregistry.example.com";

/// A row: variables (`{}` is the address of the service), the source, the answers, what comes out,
/// and the requests, each as a list of parts.
#[derive(Clone, Copy)]
struct Row<'a> {
    variables: &'a [(&'a str, &'a str)],
    source: &'a str,
    answers: &'a [String],
    expected: &'a str,
    requests: &'a [&'a [&'a str]],
}

async fn check(row: Row<'_>) {
    let answers: Vec<_> = row.answers.iter().map(String::as_str).collect();
    let stub = Stub::start(&answers);
    let variables: Vec<_> = row
        .variables
        .iter()
        .map(|(name, value)| (*name, value.replace("{}", &stub.address.to_string())))
        .collect();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let environment = Environment::new(&variables, Path::new("/nowhere"));
    let source: Source = row.source.parse().unwrap();
    let found = source.fetch(AUDIENCE, &environment).await;
    let found = found.unwrap_or_else(|error| {
        let message = error.to_string();
        assert!(
            !message.contains("tops3cret") && !message.contains('\n'),
            "{message}"
        );
        message
    });
    assert!(found.starts_with(row.expected), "{}: {found}", row.expected);
    let requests = stub.requests();
    assert_eq!(
        requests.len(),
        row.requests.len(),
        "{}: {requests:#?}",
        row.expected
    );
    for (request, parts) in requests.iter().zip(row.requests) {
        for part in *parts {
            assert!(request.contains(part), "{part}: {request}");
        }
    }
}

const GITHUB: &[(&str, &str)] = &[
    (
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "http://{}/token?api-version=2.0",
    ),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-tops3cret"),
];

#[tokio::test]
async fn github_gives_a_token_for_an_audience() {
    let target = format!("GET /token?api-version=2.0&audience={ENCODED} HTTP/1.1\r\n");
    let good: &[&str] = &[&target, "\r\nauthorization: Bearer runner-tops3cret\r\n"];
    let permission =
        "ACTIONS_ID_TOKEN_REQUEST_URL is not set: give the job `permissions: { id-token: write }`";
    for (variables, answers, expected, requests) in [
        (
            GITHUB,
            vec![answer(200, r#"{"count":1257,"value":"a.b.c"}"#)],
            "a.b.c",
            vec![good],
        ),
        (
            GITHUB,
            vec![answer(500, ""), answer(200, r#"{"value":"a.b.c"}"#)],
            "a.b.c",
            vec![good, good],
        ),
        (
            GITHUB,
            vec![answer(403, "tops3cret")],
            "the token service of GitHub Actions answers 403: the job has ended, or has no `permissions: { id-token: write }`",
            vec![good],
        ),
        (
            GITHUB,
            vec![answer(200, r#"{"token":"tops3cret"}"#)],
            "the answer of the token service of GitHub Actions has no `value`",
            vec![good],
        ),
        (
            GITHUB,
            vec![answer(200, "tops3cret")],
            "the answer of the token service of GitHub Actions has no `value`",
            vec![good],
        ),
        (&[], vec![answer(200, "")], permission, vec![]),
        (&[GITHUB[1]], vec![answer(200, "")], permission, vec![]),
        (
            &[
                ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://example.com/"),
                GITHUB[1],
            ],
            vec![answer(200, "")],
            "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL of https",
            vec![],
        ),
        (
            &[("ACTIONS_ID_TOKEN_REQUEST_URL", "tops3cret"), GITHUB[1]],
            vec![answer(200, "")],
            "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL of https: the runner sets it",
            vec![],
        ),
        (
            &[
                ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://{}/token"),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "tops3cret\r\nx: y"),
            ],
            vec![answer(200, "")],
            "the token service of GitHub Actions cannot be asked: a header would have control characters",
            vec![],
        ),
    ] {
        let row = Row {
            variables,
            source: "github",
            answers: &answers,
            expected,
            requests: &requests,
        };
        check(row).await;
    }
}

#[tokio::test]
async fn metadata_servers_give_tokens() {
    let google = format!(
        "GET /computeMetadata/v1/instance/service-accounts/default/identity?audience={ENCODED}&format=full HTTP"
    );
    let google: &[&str] = &[&google, "\r\nmetadata-flavor: Google\r\n"];
    let azure =
        format!("GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource={ENCODED}");
    let plain = format!("{azure} HTTP/1.1\r\n");
    let named = format!("{azure}&client_id=a%2Fb HTTP/1.1\r\n");
    let google_at: &[(&str, &str)] = &[("GCE_METADATA_HOST", "{}")];
    let azure_at: &[(&str, &str)] = &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://{}/")];
    let token = r#"{"access_token":"a.b.c","expires_on":"1700000000"}"#;
    for (variables, source, reply, expected, parts) in [
        (google_at, "gcp", answer(200, "a.b.c\n"), "a.b.c\n", google),
        (
            google_at,
            "gcp",
            answer(404, "x"),
            "the metadata server of Google Cloud answers 404: give the VM",
            google,
        ),
        (
            google_at,
            "gcp",
            answer(301, ""),
            "the metadata server of Google Cloud answers with a redirect",
            google,
        ),
        (
            azure_at,
            "azure",
            answer(200, token),
            "a.b.c",
            &[&plain, "\r\nmetadata: true\r\n"],
        ),
        (
            azure_at,
            "azure:a/b",
            answer(200, token),
            "a.b.c",
            &[&named],
        ),
        (
            azure_at,
            "azure",
            answer(400, "x"),
            "the metadata server of Azure answers 400: `audience` has to be",
            &[&plain],
        ),
        (
            azure_at,
            "azure",
            answer(200, "{}"),
            "the answer of the metadata server of Azure has no `access_token`",
            &[&plain],
        ),
    ] {
        let row = Row {
            variables,
            source,
            answers: &[reply],
            expected,
            requests: &[parts],
        };
        check(row).await;
    }
}

#[tokio::test]
async fn variables_files_and_programs_hold_tokens() {
    let folder = crate::owned::tests::private();
    let file = folder.path().join("token");
    std::fs::write(&file, "a.b.c\n").unwrap();
    let of_file = format!("file:{}", file.display());
    let of_pod = format!("kubernetes:{}", file.display());
    let script = folder.path().join("get");
    let text = "#!/bin/sh\ncase $1 in\n\
        good) echo \"token for $REGISTRY_AUTH_AUDIENCE\" ;;\n\
        fail) echo tops3cret; exit 3 ;;\n\
        long) head -c 70000 /dev/zero | tr '\\0' a ;;\n\
        bytes) printf '\\377' ;;\n\
        esac\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let exec = |word: &str| format!("exec:{} {word}", script.display());
    let variables: &[(&str, &str)] = &[
        ("REGISTRY_TOKEN", "g.l.t"),
        ("REGISTRY_AUTH_TOKEN", "e.n.v"),
        ("MINE", "m.i.n"),
    ];
    for (source, expected) in [
        ("gitlab", "g.l.t"),
        ("env", "e.n.v"),
        ("env:MINE", "m.i.n"),
        (
            "gitlab:OTHER",
            "OTHER is not set: give the job `id_tokens`, with this name",
        ),
        ("env:OTHER", "OTHER is not set: put the token into it"),
        (&of_file, "a.b.c\n"),
        (&of_pod, "a.b.c\n"),
        (
            "file:/nowhere/token",
            "cannot read `/nowhere/token`: No such file",
        ),
        (&exec("good"), "token for https://registry.example.com\n"),
        (&exec("none"), ""),
        (
            &exec("fail"),
            &format!("`{}` failed: exit status: 3", script.display()),
        ),
        (
            &exec("long"),
            &format!("`{}` printed more than 65536 bytes", script.display()),
        ),
        (
            &exec("bytes"),
            &format!("`{}` printed something that is not text", script.display()),
        ),
        (
            "exec:/nowhere/get",
            "`/nowhere/get` cannot be started: No such file",
        ),
        (
            "spiffe",
            "SPIFFE_ENDPOINT_SOCKET is not set: write the address of the agent",
        ),
    ] {
        let row = Row {
            variables,
            source,
            answers: &[answer(200, "")],
            expected,
            requests: &[],
        };
        check(row).await;
    }
}

/// The rows: what the program does, and the result. Whatever it has started in its process group
/// has ended with it, and nobody waits for what holds its pipes.
#[tokio::test]
async fn what_a_program_has_started_ends_with_it() {
    let folder = crate::owned::tests::private();
    let script = folder.path().join("get");
    let text = format!(
        "#!/bin/sh\ncd '{}'\n\
        case $1 in\n\
        leaves) sleep 600 & echo $! >started; echo a.b.c ;;\n\
        fails) sleep 600 & echo $! >started; exit 3 ;;\n\
        hangs) sleep 600 & echo $! >started; sleep 600 ;;\n\
        floods) sleep 600 & echo $! >started; yes ;;\n\
        escapes) setsid sh -c 'echo $$ >started; exec sleep 600' & while ! [ -s started ]; do :; done; echo a.b.c ;;\n\
        esac\n",
        folder.path().display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for (word, expected) in [
        ("leaves", "a.b.c\n"),
        ("fails", "failed: exit status: 3"),
        ("hangs", "did not end within 5 s"),
        ("floods", "printed more than 65536 bytes"),
        ("escapes", "a.b.c\n"),
    ] {
        let started = folder.path().join("started");
        let source: Source = format!("exec:{} {word}", script.display()).parse().unwrap();
        let environment = Environment::new(&[], Path::new("/nowhere"));
        let found = source.fetch(AUDIENCE, &environment).await;
        let found = found.unwrap_or_else(|error| error.to_string());
        assert!(found.ends_with(expected), "{word}: {found}");
        let id: i32 = std::fs::read_to_string(&started)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        std::fs::remove_file(&started).unwrap();
        let id = rustix::process::Pid::from_raw(id).unwrap();
        // One that has left the group is nobody's but ours to end.
        let kill = rustix::process::Signal::KILL;
        let is_running = is_running(id);
        assert_eq!(is_running, word == "escapes", "{word}");
        if is_running {
            rustix::process::kill_process(id, kill).unwrap();
        }
    }
}

/// Whether a process runs: one that has ended may wait for somebody who reaps it.
fn is_running(id: rustix::process::Pid) -> bool {
    let state = || {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", id.as_raw_nonzero())).ok()?;
        text.rsplit(')').next()?.trim().chars().next()
    };
    // The signal is sent, but may not have been seen.
    for _ in 0..500 {
        if matches!(state(), None | Some('Z' | 'X')) {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    true
}
