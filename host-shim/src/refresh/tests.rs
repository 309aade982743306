//! Tests of the refresher with paused time and a scripted source.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::status::{SourceState, Status};

const SET: &str = "s";

/// A source with scripted results, in order; the last one repeats.
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: watch::Sender<Vec<Duration>>,
    start: Instant,
}

#[derive(Clone)]
enum Answer {
    Keys(&'static str),
    /// With `again_after`.
    Until(&'static str, Duration),
    /// After this time.
    Slow(&'static str, Duration),
    Outage,
    Hanging,
}

impl Source for Script {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        self.asked
            .send_modify(|asked| asked.push(self.start.elapsed()));
        let answer = {
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 {
                answers.pop_front()
            } else {
                answers.front().cloned()
            }
        };
        match answer.unwrap() {
            Answer::Keys(key_id) => Ok(Fetched {
                keys: keys(key_id),
                again_after: None,
            }),
            Answer::Until(key_id, again_after) => Ok(Fetched {
                keys: keys(key_id),
                again_after: Some(again_after),
            }),
            Answer::Slow(key_id, duration) => {
                tokio::time::sleep(duration).await;
                Ok(Fetched {
                    keys: keys(key_id),
                    again_after: None,
                })
            }
            Answer::Outage => Err(FetchError::new(Failure::Unusable, &"nothing there")),
            Answer::Hanging => std::future::pending().await,
        }
    }
}

fn keys(key_id: &str) -> SourceKeys {
    SourceKeys {
        jwks: json!({"keys": [{"kid": key_id}]}),
        key_ids: vec![key_id.to_owned()],
        skipped: vec![],
    }
}

/// A running refresher with the other ends of its channels.
struct Fixture {
    keys: watch::Receiver<Option<Arc<Published>>>,
    feedback: watch::Sender<Feedback>,
    asked: watch::Receiver<Vec<Duration>>,
    status: Status,
}

const EPOCH: UnixTime = UnixTime::from_secs(1_800_000_000);

impl Fixture {
    fn start(timing: Timing, answers: &[Answer]) -> Self {
        let start = Instant::now();
        let (keys_sender, keys) = watch::channel(None);
        let (feedback, feedback_receiver) = watch::channel(Feedback::default());
        let (asked_sender, asked) = watch::channel(Vec::new());
        let source = Script {
            answers: Mutex::new(answers.iter().cloned().collect()),
            asked: asked_sender,
            start,
        };
        let status = Status::default();
        let report = status.source(&SET.into());
        let channels = Channels {
            keys: keys_sender,
            feedback: feedback_receiver,
            report,
        };
        let refresher = Refresher::new(
            source,
            timing,
            move || EPOCH.after(start.elapsed()),
            channels,
        );
        tokio::spawn(refresher.run());
        Self {
            keys,
            feedback,
            asked,
            status,
        }
    }

    async fn asks(&mut self, count: usize) -> Vec<Duration> {
        self.asked
            .wait_for(|asked| asked.len() >= count)
            .await
            .unwrap()
            .clone()
    }

    fn source(&self) -> SourceState {
        self.status.now().sources[SET].clone()
    }

    async fn published(&mut self) -> Published {
        self.keys.changed().await.unwrap();
        let published = self.keys.borrow_and_update();
        published.as_deref().cloned().unwrap()
    }
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn a_set_is_refreshed_each_interval_with_a_rising_generation_and_a_later_end() {
    let timing = Timing {
        interval: Some(seconds(10)),
        max_stale: None,
    };
    let mut fixture = Fixture::start(timing, &[Answer::Keys("a"), Answer::Keys("b")]);
    let first = fixture.published().await;
    let second = fixture.published().await;
    assert_eq!((first.jwks, second.jwks), (keys("a").jwks, keys("b").jwks));
    assert!(second.generation > first.generation);
    assert_eq!(first.not_after, EPOCH.after(seconds(3600)));
    assert!(second.not_after > first.not_after);
    let asked = fixture.asks(2).await;
    assert!(
        asked[1] >= seconds(9) && asked[1] <= seconds(10),
        "{asked:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_generation_is_the_time_at_which_the_fetch_started() {
    let mut fixture = Fixture::start(Timing::default(), &[Answer::Slow("a", seconds(7))]);
    let published = fixture.published().await;
    assert_eq!(published.generation, u64::try_from(EPOCH.millis()).unwrap());
    assert_eq!(published.not_after, EPOCH.after(seconds(3607)));
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_the_last_set_until_max_stale_and_ends_with_a_new_one() {
    let timing = Timing {
        interval: Some(seconds(10)),
        max_stale: Some(seconds(100)),
    };
    let mut answers = vec![Answer::Keys("a")];
    answers.extend(vec![Answer::Outage; 12]);
    answers.push(Answer::Keys("b"));
    let mut fixture = Fixture::start(timing, &answers);
    let start = Instant::now();
    assert_eq!(
        fixture.published().await.not_after,
        EPOCH.after(seconds(100))
    );

    fixture.keys.changed().await.unwrap();
    assert_eq!(*fixture.keys.borrow_and_update(), None);
    assert_eq!(start.elapsed().as_secs(), 100);
    let source = fixture.source();
    assert_eq!(
        (source.generation, source.keys, source.succeeded),
        (None, 0, 1)
    );
    assert!(
        source.last_success.is_some() && source.failed[&Failure::Unusable] > 2,
        "{source:?}"
    );

    let published = fixture.published().await;
    assert_eq!(published.jwks, keys("b").jwks);
    let source = fixture.source();
    assert_eq!(
        (source.generation, source.keys, source.succeeded),
        (Some(published.generation), 1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn fetches_from_a_failing_source_back_off_up_to_a_minute() {
    let mut fixture = Fixture::start(Timing::default(), &[Answer::Outage]);
    let asked = fixture.asks(12).await;
    let pauses: Vec<_> = asked
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    assert!(
        pauses[0] <= seconds(2) + Duration::from_millis(10),
        "{pauses:?}"
    );
    assert!(
        pauses
            .iter()
            .all(|pause| *pause >= seconds(1) && *pause <= seconds(61)),
        "{pauses:?}"
    );
    assert!(pauses[10] >= seconds(30), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_fails() {
    let mut fixture = Fixture::start(Timing::default(), &[Answer::Hanging, Answer::Keys("a")]);
    assert_eq!(fixture.published().await.jwks, keys("a").jwks);
    assert!(fixture.asks(2).await[1] > FETCH_TIMEOUT);
    assert_eq!(fixture.source().failed, [(Failure::Timeout, 1)].into());
}

#[tokio::test(start_paused = true)]
async fn again_after_of_the_source_takes_precedence_over_the_interval() {
    let timing = Timing {
        interval: Some(seconds(10)),
        max_stale: None,
    };
    let answers = [
        Answer::Until("a", seconds(300)),
        Answer::Until("a", seconds(60)),
        Answer::Keys("a"),
    ];
    let mut fixture = Fixture::start(timing, &answers);
    let asked = fixture.asks(4).await;
    let pauses: Vec<_> = asked
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    for (&pause, expected) in pauses.iter().zip([300, 60, 10]) {
        assert!(
            pause <= seconds(expected) && pause >= seconds(expected * 9 / 10),
            "{pauses:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn wanted_keys_are_fetched_early_once_per_set_and_at_most_every_five_seconds() {
    let timing = Timing {
        interval: Some(seconds(3000)),
        max_stale: None,
    };
    let mut fixture = Fixture::start(timing, &[Answer::Keys("a")]);
    let mut generation = fixture.published().await.generation;
    for _ in 0..3 {
        // An intake repeats its report every second; only the first has an effect.
        for _ in 0..3 {
            fixture
                .feedback
                .send_if_modified(|feedback| feedback.note_wanted(generation));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        generation = fixture.published().await.generation;
    }
    tokio::time::sleep(seconds(600)).await;
    let asked = fixture.asks(4).await;
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(
        asked
            .windows(2)
            .all(|pair| pair[1].saturating_sub(pair[0]) >= seconds(5)),
        "{asked:?}"
    );
    assert!(asked[3] < seconds(17), "{asked:?}");
}
