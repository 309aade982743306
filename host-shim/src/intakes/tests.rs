//! Tests of the changing set of intakes, with paused time and a scripted resolver.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::time::Instant;

use super::*;
use crate::status::NameState;

/// The last parts of the addresses that a resolution finds; nothing if it fails.
type Found = Option<&'static [u8]>;

/// A resolver with scripted results, in order; the last one repeats.
#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Found>>>,
    asked: watch::Sender<Vec<Instant>>,
}

impl Script {
    fn new(answers: &[Found]) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.iter().copied().collect())),
            asked: watch::Sender::new(Vec::new()),
        }
    }

    /// Waits until a resolution of this number has begun.
    async fn asks(&self, number: usize) -> Vec<Instant> {
        let mut asked = self.asked.subscribe();
        let asked = asked.wait_for(|asked| asked.len() >= number).await;
        asked.unwrap().clone()
    }
}

impl Resolver for Script {
    async fn resolve(&self, name: &Name) -> Result<BTreeSet<SocketAddr>, String> {
        self.asked.send_modify(|asked| asked.push(Instant::now()));
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().copied()
        };
        let found = answer.unwrap().ok_or("no answer")?;
        let address = |host: &u8| SocketAddr::from(([10, 0, 0, *host], name.port));
        Ok(found.iter().map(address).collect())
    }
}

fn targets(texts: &[&str]) -> Vec<Target> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn shown(known: &Known) -> Vec<String> {
    known.all().iter().map(Intake::to_string).collect()
}

/// Returns the URLs of these addresses of the name.
fn urls(hosts: &[u8]) -> Vec<String> {
    let url = |host: &u8| format!("http://10.0.0.{host}:9902");
    hosts.iter().map(url).collect()
}

const NAME: &str = "dns+http://intakes:9902";

#[tokio::test(start_paused = true)]
async fn intakes_come_at_once_go_after_three_resolutions_and_stay_when_one_fails() {
    // (found, known afterwards, state of the name: resolved, failed, intakes)
    type Row = (Found, &'static [u8], (u64, u64, usize));
    let rows: [Row; 11] = [
        (None, &[], (0, 1, 0)),
        (Some(&[2, 1]), &[1, 2], (1, 1, 2)),
        (Some(&[2, 1]), &[1, 2], (2, 1, 2)),
        (None, &[1, 2], (2, 2, 2)),
        (Some(&[1]), &[1, 2], (3, 2, 2)),
        (Some(&[1, 3]), &[1, 2, 3], (4, 2, 3)),
        (None, &[1, 2, 3], (4, 3, 3)),
        (Some(&[1, 3]), &[1, 3], (5, 3, 2)),
        (None, &[1, 3], (5, 4, 2)),
        (None, &[1, 3], (5, 5, 2)),
        (None, &[1, 3], (5, 6, 2)),
    ];
    let script = Script::new(&rows.map(|(found, ..)| found));
    let status = Status::default();
    let intakes = Intakes::new(&targets(&[NAME]), &status);
    let known = intakes.subscribe();
    tokio::spawn(intakes.run(script.clone()));
    for (index, (_, expected, (resolved, failed, count))) in rows.into_iter().enumerate() {
        let asked = script.asks(index + 1).await;
        // Not to the next resolution, which is four seconds away at least.
        sleep(Duration::from_secs(1)).await;
        assert_eq!(shown(&known.borrow()), urls(expected), "{index}");
        let NameState {
            resolved: found_resolved,
            failed: found_failed,
            intakes,
        } = status.now().names[NAME];
        assert_eq!(
            (found_resolved, found_failed, intakes),
            (resolved, failed, count),
            "{index}"
        );
        let gaps = asked.windows(2).map(|pair| pair[1] - pair[0]);
        for gap in gaps {
            assert!(
                gap >= Duration::from_secs(4) && gap < Duration::from_millis(6_010),
                "{gap:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_intake_that_is_given_and_found_or_found_twice_is_one() {
    let given = [
        "http://10.0.0.2:9902",
        "http://[::ffff:10.0.0.2]:9902",
        NAME,
        NAME,
        "dns+http://others:9902",
        "unix:/run/intake.sock",
        "unix:///run/intake.sock",
    ];
    let script = Script::new(&[Some(&[1, 2])]);
    let status = Status::default();
    let intakes = Intakes::new(&targets(&given), &status);
    let known = intakes.subscribe();
    assert_eq!(
        shown(&known.borrow()),
        ["http://10.0.0.2:9902", "unix:/run/intake.sock"]
    );
    tokio::spawn(intakes.run(script.clone()));
    // A name is resolved once, however often it is given.
    script.asks(2).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(script.asks(2).await.len(), 2);
    assert_eq!(
        shown(&known.borrow()),
        [
            "http://10.0.0.1:9902",
            "http://10.0.0.2:9902",
            "unix:/run/intake.sock"
        ]
    );
    assert_eq!(status.now().names.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn given_intakes_need_no_resolution() {
    let script = Script::new(&[None]);
    let intakes = Intakes::new(&targets(&["http://10.0.0.2:9902"]), &Status::default());
    let mut known = intakes.subscribe();
    let task = tokio::spawn(intakes.run(script.clone()));
    sleep(Duration::from_mins(10)).await;
    assert!(!task.is_finished() && !known.has_changed().unwrap());
    assert_eq!(script.asked.borrow().len(), 0);
    task.abort();
    assert!(known.changed().await.is_err());
}
