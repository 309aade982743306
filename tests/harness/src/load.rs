//! Sends requests of several kinds at once and compares each response with what is right at that
//! time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::client::{Connection, Request, Response};

mod backend;

pub use backend::{Backend, LENGTH, Question};

/// The status of a request without a response: the connection broke.
pub const NONE: u16 = 0;
/// Maximum number of wrong responses in a message.
const KEPT: usize = 10;
/// Pause after a connection could not be opened.
const PAUSE: Duration = Duration::from_millis(2);

/// A kind of request.
pub struct Kind {
    /// Its name in messages.
    pub name: &'static str,
    /// Returns request number `n`.
    pub make: Box<dyn Fn(usize) -> Result<Request> + Send + Sync>,
}

/// The right statuses for each kind; without any, the kind pauses.
pub type ExpectedStatuses = Vec<Vec<u16>>;

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub struct Pressure {
    /// Connections of each kind; each has one request under way.
    pub connections: usize,
    /// How long a request may take.
    pub patience: Duration,
}

/// A run of requests. The phases, one after another, say what is right: an answer must be right in
/// one of the phases that its request has seen.
pub struct Load<'a> {
    kinds: &'a [Kind],
    address: SocketAddr,
    pressure: Pressure,
    state: Mutex<State>,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    phases: Vec<Phase>,
    wrong: Vec<String>,
    errors: usize,
    answers: u64,
}

struct Phase {
    name: String,
    expected: ExpectedStatuses,
    /// Answers to requests that have seen no other phase, by kind and status.
    settled: Vec<BTreeMap<u16, usize>>,
}

/// The result of a run.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// Requests that were sent.
    pub requests: u64,
    /// The time that they took.
    pub took: Duration,
}

impl Sum {
    /// Returns the requests per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let requests = self.requests as f64;
        requests / self.took.as_secs_f64().max(0.001)
    }
}

impl<'a> Load<'a> {
    /// Sends requests of all `kinds` to `address` while `script` runs, which says what is right
    /// when.
    ///
    /// # Errors
    /// Those of the script; an answer was wrong.
    pub fn run(
        kinds: &'a [Kind],
        address: SocketAddr,
        pressure: Pressure,
        script: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Sum> {
        let state = Mutex::default();
        let load = Self {
            kinds,
            address,
            pressure,
            state,
            stop: AtomicBool::new(false),
        };
        let began = Instant::now();
        let played = thread::scope(|scope| {
            for number in 0..kinds.len() {
                for connection in 0..pressure.connections {
                    let load = &load;
                    scope.spawn(move || load.send(number, connection));
                }
            }
            let played = script(&load);
            load.stop.store(true, Ordering::Relaxed);
            played
        });
        let state = load.state();
        ensure!(
            state.errors == 0,
            "{} wrong answers\n{}",
            state.errors,
            state.wrong.join("\n")
        );
        played?;
        Ok(Sum {
            requests: state.answers,
            took: began.elapsed(),
        })
    }

    /// From now on this is right.
    pub fn turn(&self, name: &str, expected: &ExpectedStatuses) {
        let settled = vec![BTreeMap::new(); self.kinds.len()];
        self.state().phases.push(Phase {
            name: name.to_owned(),
            expected: expected.clone(),
            settled,
        });
    }

    /// From now on what was right stays right, and this is too; kinds that rest do so still.
    pub fn widen(&self, name: &str, expected: &ExpectedStatuses) {
        let before = self
            .state()
            .phases
            .last()
            .map(|phase| phase.expected.clone())
            .unwrap_or_default();
        let both = before.into_iter().zip(expected).map(|(mut right, more)| {
            if !right.is_empty() {
                right.extend(more);
            }
            right
        });
        self.turn(name, &both.collect());
    }

    /// Waits until `total` requests were answered that were sent in the present phase, at least
    /// `each` of every kind that does not rest.
    ///
    /// # Errors
    /// They are not within `patience`, or one answer was wrong.
    pub fn reach(&self, total: usize, each: usize, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            {
                let state = self.state();
                ensure!(state.errors == 0, "an answer was wrong");
                let Some(phase) = state.phases.last() else {
                    return Ok(());
                };
                let counts = phase
                    .settled
                    .iter()
                    .map(|kind| kind.values().sum::<usize>());
                let enough = counts
                    .clone()
                    .zip(&phase.expected)
                    .all(|(count, right)| right.is_empty() || count >= each);
                if enough && counts.clone().sum::<usize>() >= total {
                    return Ok(());
                }
                let counts: Vec<_> = counts.collect();
                ensure!(
                    Instant::now() < deadline,
                    "`{}` does not get on: {counts:?}",
                    phase.name
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many requests of the present phase got each status, by kind.
    #[must_use]
    pub fn settled(&self) -> Vec<BTreeMap<u16, usize>> {
        self.state()
            .phases
            .last()
            .map(|phase| phase.settled.clone())
            .unwrap_or_default()
    }

    /// How many requests were answered so far.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.state().answers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the phase, when this kind does not rest in it.
    fn phase(&self, kind: usize) -> Option<usize> {
        let state = self.state();
        let works = state
            .phases
            .last()?
            .expected
            .get(kind)
            .is_some_and(|right| !right.is_empty());
        works.then(|| state.phases.len() - 1)
    }

    fn send(&self, number: usize, connection: usize) {
        let Some(kind) = self.kinds.get(number) else {
            return;
        };
        let mut open = None;
        let mut next = connection;
        while !self.stop.load(Ordering::Relaxed) {
            let Some(phase) = self.phase(number) else {
                thread::sleep(PAUSE);
                continue;
            };
            let answer = (kind.make)(next).and_then(|request| self.exchange(&mut open, &request));
            next += self.pressure.connections;
            self.judge(number, phase, &answer);
            if answer.is_err() {
                thread::sleep(PAUSE);
            }
        }
    }

    fn exchange(&self, open: &mut Option<Connection>, request: &Request) -> Result<Response> {
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => Connection::open(self.address, self.pressure.patience)?,
        };
        let answer = connection.send(request)?;
        if answer
            .header("connection")
            .is_none_or(|value| value != "close")
        {
            *open = Some(connection);
        }
        Ok(answer)
    }

    fn judge(&self, kind: usize, began: usize, answer: &Result<Response>) {
        let status = answer.as_ref().map_or(NONE, |answer| answer.status);
        let mut state = self.state();
        let state = &mut *state;
        state.answers += 1;
        let seen = state.phases.get(began..).unwrap_or_default();
        let right = |phase: &Phase| {
            phase
                .expected
                .get(kind)
                .is_some_and(|right| right.contains(&status))
        };
        if !seen.iter().any(right) {
            state.errors += 1;
            if state.wrong.len() < KEPT {
                let what = match answer {
                    Ok(answer) => format!("{status} {}", String::from_utf8_lossy(&answer.body)),
                    Err(error) => format!("no answer: {error:#}"),
                };
                let name = self.kinds.get(kind).map_or("", |kind| kind.name);
                let names: Vec<_> = seen.iter().map(|phase| phase.name.as_str()).collect();
                state
                    .wrong
                    .push(format!("{name}, {}: {what}", names.join(" to ")));
            }
        }
        if let [phase] = state.phases.get_mut(began..).unwrap_or_default()
            && let Some(counts) = phase.settled.get_mut(kind)
        {
            *counts.entry(status).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESSURE: Pressure = Pressure {
        connections: 2,
        patience: Duration::from_secs(20),
    };

    fn kinds() -> Vec<Kind> {
        let request = |method: &'static str| {
            Box::new(move |_| Ok(Request::new(method, "/v2/a/manifests/v1")))
        };
        vec![
            Kind {
                name: "read",
                make: request("GET"),
            },
            Kind {
                name: "ask",
                make: request("HEAD"),
            },
        ]
    }

    #[test]
    fn each_answer_is_held_against_what_is_right_while_its_request_is_under_way() {
        let backend = Backend::start().unwrap();
        let sum = Load::run(&kinds(), backend.address(), PRESSURE, |load| {
            load.turn("first", &vec![vec![200], vec![404]]);
            load.reach(20, 5, PRESSURE.patience)?;
            load.widen("moving", &vec![vec![], vec![500]]);
            backend.answer(Question::Fails);
            load.reach(1, 0, PRESSURE.patience)?;
            load.turn("second", &vec![vec![], vec![500]]);
            load.reach(20, 0, PRESSURE.patience)?;
            ensure!(
                load.settled().first().is_some_and(BTreeMap::is_empty),
                "the first kind does not rest"
            );
            Ok(())
        });
        assert!(sum.unwrap().requests >= 41);
    }

    #[test]
    fn a_wrong_answer_and_a_missing_one_fail_the_run() {
        let backend = Backend::start().unwrap();
        let run = |right: u16, address| {
            Load::run(&kinds(), address, PRESSURE, |load| {
                load.turn("all", &vec![vec![200], vec![right]]);
                load.reach(20, 5, PRESSURE.patience)
            })
        };
        let error = run(500, backend.address()).unwrap_err().to_string();
        assert!(error.contains("wrong answers\nask, all: 404"), "{error}");
        let address = backend.address();
        drop(backend);
        let error = run(404, address).unwrap_err().to_string();
        assert!(error.contains("no answer"), "{error}");
    }
}
