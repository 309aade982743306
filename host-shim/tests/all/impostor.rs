//! Impostors: programs at the address of an intake that do not have the push key, or respond to
//! another request. No keys are sent to them, and their responses have no effect.

use std::sync::{Arc, Mutex, PoisonError};

use registry_auth_engine::keys::envelope::{PushKey, PushRequest, PushResponse};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::http::{self, Answer, Listener, ReceivedRequest};
use crate::intake::{Intake, eventually, generation_in, proven, respond};
use crate::moto::Moto;
use crate::sample::{FIRST, SECOND, secret};
use crate::shim::{Launch, Shim, configuration};

/// Returns the response of an impostor to a request that proves the push key. `before` is its
/// response to the first one.
type Lie = fn(&PushRequest, before: Option<&Answer>) -> Answer;

/// The requests that an impostor has received.
#[derive(Default)]
struct Received {
    requests: usize,
    /// Methods other than GET, and bodies.
    pushes: Vec<String>,
    first: Option<Answer>,
}

/// A listening impostor.
struct Impostor {
    url: String,
    received: Arc<Mutex<Received>>,
    task: JoinHandle<()>,
}

impl Impostor {
    fn over(listener: TcpListener, lie: Lie) -> anyhow::Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let received = Arc::new(Mutex::new(Received::default()));
        let shared = Arc::clone(&received);
        let task = http::serve(
            Listener::Tcp(listener),
            Arc::new(move |seen| take(&shared, &seen, lie)),
        );
        Ok(Self {
            url,
            received,
            task,
        })
    }

    fn requests(&self) -> usize {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .requests
    }

    fn pushes(&self) -> Vec<String> {
        self.received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pushes
            .clone()
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn take(received: &Mutex<Received>, seen: &ReceivedRequest, lie: Lie) -> Answer {
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    received.requests += 1;
    if seen.method != "GET" || !seen.body.is_empty() {
        received.pushes.push(format!(
            "{} {}",
            seen.method,
            String::from_utf8_lossy(&seen.body)
        ));
    }
    let Some(request) = proven(seen) else {
        return (500, String::new()).into();
    };
    let answer = lie(&request, received.first.as_ref());
    received.first.get_or_insert_with(|| answer.clone());
    answer
}

fn truth() -> PushResponse {
    PushResponse {
        status: 200,
        generation: 0,
        wanted: false,
        reads_bodies: true,
        error: None,
    }
}

/// Returns a response of version 1 of the protocol.
fn former(request: &PushRequest, generation: u64) -> String {
    json!({"set": request.set, "generation": generation, "wanted": true}).to_string()
}

/// (name, response, part of the log line)
const LIES: [(&str, Lie, &str); 10] = [
    (
        "nothing that is proven",
        |request, _| (200, former(request, 0)).into(),
        "the response does not prove this push key",
    ),
    (
        "the greatest generation",
        |request, _| (200, former(request, u64::MAX)).into(),
        "the response does not prove this push key",
    ),
    (
        "an answer to another question",
        |request, before| {
            before
                .cloned()
                .unwrap_or_else(|| respond(&other_nonce(request), &truth()))
        },
        "the response does not prove this push key",
    ),
    (
        "an answer about another set",
        |request, _| {
            respond(
                &PushRequest {
                    set: "secret:us-east-1/other".to_owned(),
                    ..request.clone()
                },
                &truth(),
            )
        },
        "the response does not prove this push key",
    ),
    (
        "an answer that was made for another status",
        |request, _| {
            respond(
                request,
                &PushResponse {
                    status: 409,
                    ..truth()
                },
            )
            .with_status(200)
        },
        "the response does not prove this push key",
    ),
    (
        "an answer with another push key",
        |request, _| {
            (
                200,
                PushKey::new(&[7; 32])
                    .map(|key| truth().sign(request, &key))
                    .unwrap_or_default(),
            )
                .into()
        },
        "the response does not prove this push key",
    ),
    (
        // Even with the push key, such a generation is not accepted.
        "the greatest generation, with the push key",
        |request, _| {
            respond(
                request,
                &PushResponse {
                    generation: u64::MAX,
                    wanted: true,
                    ..truth()
                },
            )
        },
        "more than 5 minutes ahead of the clock",
    ),
    (
        "a generation of tomorrow, with the push key",
        |request, _| {
            respond(
                request,
                &PushResponse {
                    generation: generation_in(86_400_000),
                    ..truth()
                },
            )
        },
        "more than 5 minutes ahead of the clock",
    ),
    (
        "a refusal without proof",
        |_, _| {
            (
                409,
                json!({"error": "generation 18446744073709551615"}).to_string(),
            )
                .into()
        },
        "status 409: the response does not prove this push key",
    ),
    (
        "an intake of version 1",
        |_, _| (404, json!({"error": "only /v1/keys/SET"}).to_string()).into(),
        "is the filter older than this program?",
    ),
];

fn other_nonce(request: &PushRequest) -> PushRequest {
    PushRequest {
        nonce: vec![1; 32],
        ..request.clone()
    }
}

impl Answer {
    fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn nothing_is_sent_to_an_impostor_and_nothing_that_it_says_moves_another_intake() {
    let moto = Moto::shared().unwrap();
    moto.create("impostors", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let honest = Intake::tcp().await.unwrap();
    let mut impostors = Vec::new();
    for (_, lie, _) in LIES {
        impostors
            .push(Impostor::over(TcpListener::bind("127.0.0.1:0").await.unwrap(), lie).unwrap());
    }
    let mut intakes = vec![honest.url()];
    intakes.extend(impostors.iter().map(|impostor| impostor.url.as_str()));
    let configuration = configuration("impostors", "1s", false);
    let launch = Launch {
        configuration: &configuration,
        endpoint: &moto.endpoint(),
        intakes: &intakes,
        ..Launch::default()
    };
    let shim = Shim::launch(launch).unwrap();
    honest.holds(&["a"]).await.unwrap();
    for ((name, _, says), impostor) in LIES.iter().zip(&impostors) {
        eventually(|| (impostor.requests() > 2).then_some(()))
            .await
            .unwrap();
        shim.says(&[says, &impostor.url])
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
    }
    // The honest intake still gets new keys.
    moto.put("impostors", &secret(&[("b", SECOND)]))
        .await
        .unwrap();
    honest.holds(&["b"]).await.unwrap();
    assert!(
        honest.generation() <= generation_in(0),
        "an impostor moved the generation"
    );
    for ((name, _, _), impostor) in LIES.iter().zip(&impostors) {
        assert_eq!(impostor.pushes(), [""; 0], "{name}");
    }
    assert_eq!(honest.refusals(), [0u16; 0]);
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn a_program_on_the_port_of_an_intake_gets_nothing() {
    let moto = Moto::shared().unwrap();
    moto.create("shared-port", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    let honest = Intake::shared(0).unwrap();
    let port = honest.url().rsplit(':').next().unwrap().parse().unwrap();
    let impostor = Impostor::over(http::shared(port).unwrap(), LIES[0].1).unwrap();
    assert_eq!(impostor.url, honest.url());
    let configuration = configuration("shared-port", "1s", false);
    let _shim = Shim::start(&configuration, &moto.endpoint(), honest.url()).unwrap();
    // The kernel distributes connections over both sockets. A push uses the connection that proved
    // the push key.
    let mut generation = 0;
    for _ in 0..6 {
        generation = eventually(|| Some(honest.generation()).filter(|newer| *newer > generation))
            .await
            .unwrap();
    }
    eventually(|| (impostor.requests() > 3).then_some(()))
        .await
        .unwrap();
    honest.holds(&["a"]).await.unwrap();
    moto.put("shared-port", &secret(&[("b", SECOND)]))
        .await
        .unwrap();
    honest.holds(&["b"]).await.unwrap();
    assert_eq!(impostor.pushes(), [""; 0]);
    assert_eq!(honest.refusals(), [0u16; 0]);
}

#[tokio::test]
#[ignore = "needs moto: run `cargo xtask test --only shim`"]
async fn a_push_is_done_only_when_its_answer_proves_it() {
    let moto = Moto::shared().unwrap();
    moto.create("unproven", &secret(&[("a", FIRST)]))
        .await
        .unwrap();
    for (name, status) in [
        ("stored", 200),
        ("stored, as in version 1", 204),
        ("not newer", 409),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = http::serve(
            Listener::Tcp(listener),
            Arc::new(move |seen| match proven(&seen) {
                Some(request) if request.generation.is_none() => respond(&request, &truth()),
                _ => (status, String::new()).into(),
            }),
        );
        let shim = Shim::start(
            &configuration("unproven", "1s", false),
            &moto.endpoint(),
            &url,
        )
        .unwrap();
        shim.says(&["pushing to an intake failed", &url])
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert_eq!(shim.count(&["pushed keys"]).unwrap(), 0, "{name}");
        task.abort();
    }
}
