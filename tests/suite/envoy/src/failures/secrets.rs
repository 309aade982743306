//! A Secrets Manager with faults. What the real API does otherwise is tested with moto, in
//! `host-shim/tests`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use registry_auth_harness::key::TestKey;
use registry_auth_harness::server::{Port, Server};
use serde_json::{Map, Value, json};

/// What the service does.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// The secret with these keys.
    Keys(&'static [&'static str]),
    /// A refusal of this type.
    Refusal(&'static str),
    /// A secret of this text.
    Text(&'static str),
}

/// A service that gives the same response to every request, until that is changed.
pub(super) struct Secrets {
    answer: Arc<Mutex<Answer>>,
    address: SocketAddr,
    server: Option<Server>,
}

impl Secrets {
    /// One whose secret has the key `eddsa`.
    pub(super) fn start() -> Result<Self> {
        let port = Port::bind()?;
        let answer = Arc::new(Mutex::new(Answer::Keys(&["eddsa"])));
        let mut secrets = Self {
            answer,
            address: port.address(),
            server: None,
        };
        secrets.serve(port)?;
        Ok(secrets)
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it answers from now on.
    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// Nobody listens from now on.
    pub(super) fn stop(&mut self) {
        self.server = None;
    }

    /// It listens again.
    pub(super) fn resume(&mut self) -> Result<()> {
        self.serve(Port::bind_at(self.address)?)
    }

    fn serve(&mut self, port: Port) -> Result<()> {
        let shared = Arc::clone(&self.answer);
        self.server = Some(port.serve(move |_| {
            let answer = shared
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            async move { respond(&answer).ok() }
        })?);
        Ok(())
    }
}

fn respond(answer: &Answer) -> Result<Response<Full<Bytes>>> {
    let (status, body) = match answer {
        Answer::Keys(names) => (200, json!({"Name": "keys", "SecretString": secret(names)?})),
        Answer::Text(text) => (200, json!({"Name": "keys", "SecretString": text})),
        Answer::Refusal(kind) => (400, json!({"__type": kind, "message": "not now"})),
    };
    let answer = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/x-amz-json-1.1");
    Ok(answer.body(body.to_string().into())?)
}

/// The text of a secret with these test keys.
fn secret(names: &[&str]) -> Result<String> {
    let entry = |name: &&str| Ok(((*name).to_owned(), TestKey::named(name)?.pkix_pem()?.into()));
    let entries: Map<String, Value> = names.iter().map(entry).collect::<Result<_>>()?;
    Ok(Value::Object(entries).to_string())
}
