//! Changes of the file while requests come: a good one is live, a wrong one is not, and no request
//! fails.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::load::{Kind, Load, Pressure};
use registry_auth_harness::upstream::Upstream;
use serde_json::{Value, json};

use super::fixture::{PATIENCE, Run, Setup, is_alive, open, signal};

const PRESSURE: Pressure = Pressure {
    connections: 4,
    patience: PATIENCE,
};
/// Requests of each phase.
const REQUESTS: usize = 200;
/// What `run` logs when a configuration is refused.
const REFUSED: &str = "the configuration is refused; the one of before stays";

fn tags() -> Request {
    Request::new("GET", "/v2/team/app/tags/list")
}

fn start(document: &Value, upstream: &Upstream) -> Result<Run> {
    Run::start(&Setup {
        document,
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })
}

/// A document that opens `pattern` only.
fn opens(pattern: &str) -> Value {
    let mut document = open(&["read"]);
    if let Some(repositories) = document.pointer_mut("/http/accessControl/repositories") {
        *repositories = json!({pattern: {"anonymousPolicy": ["read"]}});
    }
    document
}

#[test]
fn a_change_drops_no_request() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = start(&opens("team/**"), &upstream)?;
    let (granted, refused) = (vec![vec![200], vec![401]], vec![vec![401], vec![200]]);
    let kind = |name, target: &'static str| Kind {
        name,
        make: Box::new(move |_| Ok(Request::new("GET", target))),
    };
    let kinds = [
        kind("team", "/v2/team/app/tags/list"),
        kind("other", "/v2/other/app/tags/list"),
    ];
    let address = run.address()?;
    Load::run(&kinds, address, PRESSURE, |load| {
        load.turn("first", &granted);
        load.reach(REQUESTS, 1, PATIENCE)?;
        for (number, (pattern, expected)) in [("other/**", &refused), ("team/**", &granted)]
            .into_iter()
            .enumerate()
        {
            // A wrong one in between changes nothing.
            run.replace_text("{\"http\": {\"accesControl\": {}}}")?;
            run.says(REFUSED, number + 1)?;
            load.reach(REQUESTS, 1, PATIENCE)?;
            load.widen("either", expected);
            run.replace(&opens(pattern))?;
            run.is_live(number + 2)?;
            load.turn(pattern, expected);
            load.reach(REQUESTS, 1, PATIENCE)?;
        }
        // Another cluster for the same registry: the old one goes last.
        let mut renamed = opens("team/**");
        if let Some(document) = renamed.as_object_mut() {
            document.insert("proxy".to_owned(), json!({"upstreamCluster": "store"}));
        }
        run.replace(&renamed)?;
        run.is_live(4)?;
        load.reach(REQUESTS, 1, PATIENCE)
    })?;
    let errors = run.log().with("configuration: ")?;
    let path = |line: &Value| line.get("path").cloned().unwrap_or_default();
    ensure!(
        errors
            .iter()
            .any(|line| path(line) == json!("http.accesControl")),
        "{errors:?}"
    );
    Ok(())
}

/// Each row: a text, and a part of the reason.
#[test]
fn a_wrong_change_is_refused_with_its_reason() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = start(&open(&["read"]), &upstream)?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let mut on_a_taken_port = open(&["create"]);
    let port = taken.local_addr()?.port().to_string();
    if let Some(http) = on_a_taken_port.pointer_mut("/http/port") {
        *http = json!(port);
    }
    let mut at_the_registry = open(&["create"]);
    if let Some(http) = at_the_registry.pointer_mut("/http/port") {
        *http = json!(upstream.address().port().to_string());
    }
    let mut with_variable = open(&["create"]);
    if let Some(document) = with_variable.as_object_mut() {
        document.insert(
            "proxy".to_owned(),
            json!({"upstreamAuthorization": {"env": "ANOTHER"}}),
        );
    }
    let action = "http.accessControl.repositories[\"**\"].anonymousPolicy[0]";
    let rows = [
        ("{".to_owned(), "1 error", "zot.json"),
        (open(&["fly"]).to_string(), "1 error", action),
        (on_a_taken_port.to_string(), "cannot listen on 127.", ""),
        (at_the_registry.to_string(), "which is `run` itself", ""),
        (with_variable.to_string(), "`ANOTHER`", ""),
        (String::new(), "1 error", "zot.json"),
    ];
    let files = run.files_of_envoy(true)?;
    for (number, (text, part, path)) in rows.iter().enumerate() {
        run.replace_text(text)?;
        run.says(REFUSED, number + 1)?;
        let lines = run.log().with(REFUSED)?;
        let reason = lines.last().and_then(|line| line.get("reason")?.as_str());
        let reason = reason.context("no reason")?.to_owned();
        ensure!(reason.contains(part), "{text}: {reason}");
        // Envoy is asked about none of them: no file was replaced, not even for a moment.
        ensure!(run.files_of_envoy(true)? == files, "{text}");
        ensure!(run.refused()?.as_deref() == Some(path), "{text}");
        // It still decides as before, and says that it does.
        run.is_ready()?;
        let answer = run.send(&tags())?;
        ensure!(answer.status == 200, "{text}: {}", answer.status);
    }
    let metrics = String::from_utf8(run.page("/metrics")?.body)?;
    let line = format!(
        "registry_auth_run_configurations_total{{outcome=\"refused\"}} {}\n",
        rows.len()
    );
    ensure!(metrics.contains(&line), "{metrics}");

    // And the next good one is live.
    run.replace(&opens("other/**"))?;
    run.is_live(2)?;
    ensure!(run.refused()?.is_none(), "it is not refused any more");
    run.comes_to(401, &tags())
}

/// The new policy is there when the new listener cannot be written, and neither can the old one:
/// nothing may be decided by the new policy then.
#[test]
fn a_change_that_cannot_be_taken_back_ends_everything() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = start(&opens("team/**"), &upstream)?;
    let (address, envoy) = (run.address()?, run.envoy()?);
    fs::create_dir(run.private_folder()?.join("listeners.yaml.new"))?;
    run.replace(&moved(open(&["read"]))?)?;
    let status = run.ended()?;
    ensure!(status.code() == Some(1), "{status}");
    ensure!(!is_alive(envoy), "Envoy is still there");
    ensure!(TcpStream::connect(address).is_err(), "{address}");
    let text = run.log().text();
    ensure!(text.contains("cannot be restored"), "{text}");
    Ok(())
}

/// The document on another port.
fn moved(mut document: Value) -> Result<Value> {
    let next = registry_auth_harness::program::free_address()?;
    if let Some(port) = document.pointer_mut("/http/port") {
        *port = json!(next.port().to_string());
    }
    Ok(document)
}

/// The files of before are all there again while Envoy is silent: one that starts then reads them.
#[test]
fn a_change_is_taken_back_while_envoy_is_silent() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = start(&opens("team/**"), &upstream)?;
    let before = run.files_of_envoy(false)?;
    let envoy = run.envoy()?;
    let obstacle = run.private_folder()?.join("listeners.yaml.new");
    fs::create_dir(&obstacle)?;
    run.replace(&moved(open(&["read"]))?)?;
    run.says("writing the configuration of before failed", 1)?;
    ensure!(run.files_of_envoy(false)? != before, "nothing has changed");
    signal(envoy, "STOP")?;
    fs::remove_dir(&obstacle)?;
    let folder = run.private_folder()?;
    run.until("the files of before", || {
        let mut is_back = true;
        for (name, text) in &before {
            let now = fs::read_to_string(folder.join(name)).unwrap_or_default();
            let (_, rest) = now.split_once('\n').unwrap_or_default();
            is_back &= now.trim_end() == text.trim_end() || rest.trim_end() == text.trim_end();
        }
        Ok(is_back)
    })?;
    ensure!(
        run.log().with(REFUSED)?.is_empty(),
        "Envoy has confirmed it"
    );
    signal(envoy, "CONT")?;
    run.says(REFUSED, 1)?;
    run.is_ready()?;
    run.comes_to(200, &tags())?;
    run.comes_to(401, &Request::new("GET", "/v2/other/app/tags/list"))
}

/// A connection to a listener that is gone is closed after its next answer, which the newest policy
/// gives.
#[test]
fn an_old_connection_ends_after_its_next_answer() -> Result<()> {
    const REQUEST: &[u8] = b"GET /v2/team/app/tags/list HTTP/1.1\r\nhost: a\r\n\r\n";
    let upstream = Upstream::start()?;
    let mut run = start(&open(&["read"]), &upstream)?;
    let mut old = TcpStream::connect(run.address()?)?;
    old.set_read_timeout(Some(PATIENCE))?;
    old.write_all(REQUEST)?;
    let mut answer = [0; 12];
    old.read_exact(&mut answer)?;
    ensure!(&answer == b"HTTP/1.1 200", "{answer:?}");
    run.replace(&moved(opens("other/**"))?)?;
    run.is_live(2)?;
    old.write_all(REQUEST)?;
    let mut rest = Vec::new();
    old.read_to_end(&mut rest).context("it is still open")?;
    let rest = String::from_utf8_lossy(&rest);
    ensure!(rest.contains("HTTP/1.1 401"), "{rest}");
    Ok(())
}

#[test]
fn another_address_replaces_the_listener() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = start(&open(&["read"]), &upstream)?;
    let before = run.address()?;
    let document = moved(open(&["read"]))?;
    run.replace(&document)?;
    run.is_live(2)?;
    let next = run.address()?;
    let wanted = document.pointer("/http/port").and_then(Value::as_str);
    ensure!(
        before != next && wanted == Some(&*next.port().to_string()),
        "{before} {next}"
    );
    run.comes_to(200, &tags())?;
    run.until("the old listener is gone", || {
        Ok(TcpStream::connect(before).is_err())
    })
}

#[test]
fn a_signal_reads_the_file_again() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = start(&open(&["read"]), &upstream)?;
    run.signal("HUP")?;
    run.says("the configuration is the same as before", 1)?;
    run.replace_text("nothing")?;
    run.says(REFUSED, 1)?;
    // Without a change of the file.
    run.signal("HUP")?;
    run.says(REFUSED, 2)?;
    run.replace(&opens("other/**"))?;
    run.is_live(2)?;
    run.comes_to(401, &tags())
}

/// Keys of a token server are in a file that the document names.
#[test]
fn a_named_file_is_watched_too() -> Result<()> {
    let upstream = Upstream::start()?;
    let keys = tempfile::TempDir::with_prefix("ra-keys-")?;
    let file = keys.path().join("auth.crt");
    let from = |name: &str| -> Result<()> {
        let source = registry_auth_harness::module::workspace().join("tests/fixtures/keys");
        let new = keys.path().join("new");
        fs::copy(source.join(name), &new)?;
        Ok(fs::rename(&new, &file)?)
    };
    from("eddsa.crt")?;
    let document = json!({
        "http": {
            "address": "127.0.0.1", "port": "0",
            "auth": {"bearer": {"realm": "zot", "service": "zot", "cert": file, "audiences": ["zot"]}},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
        },
    });
    let mut run = start(&document, &upstream)?;
    let request = |key: &str| -> Result<Request> {
        let access = json!([{"type": "repository", "name": "team/app", "actions": ["pull"]}]);
        let claims =
            json!({"sub": "a", "aud": "zot", "access": access, "iat": "-1s", "exp": "+1h"});
        let claims = serde_json::from_value(claims)?;
        let token = registry_auth_harness::mint::Recipe::plain(key, claims)
            .mint(registry_auth_harness::substrate::now())?;
        Ok(tags().header("authorization", &format!("Bearer {token}")))
    };
    run.comes_to(200, &request("eddsa")?)?;
    run.comes_to(401, &request("es256")?)?;
    from("es256.crt")?;
    run.is_live(2)?;
    run.comes_to(200, &request("es256")?)?;
    run.comes_to(401, &request("eddsa")?)?;
    let pages = run.pages();
    // What cannot be read any more is said once, and what was read stays.
    fs::remove_file(&file)?;
    run.says(REFUSED, 1)?;
    let errors = run.log().with("configuration: cannot read `")?;
    ensure!(errors.len() == 1, "{errors:?}");
    run.comes_to(200, &request("es256")?)?;
    from("es256.crt")?;
    run.until("nothing is refused", || {
        Ok(!run_page(pages)?.contains("refused"))
    })?;
    ensure!(run.log().with(REFUSED)?.len() == 1, "it is said again");
    Ok(())
}

fn run_page(pages: std::net::SocketAddr) -> Result<String> {
    let answer = client::send(pages, &Request::new("GET", "/readyz"), PATIENCE)?;
    Ok(String::from_utf8(answer.body)?)
}
