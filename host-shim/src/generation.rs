//! Generations of key sets: taken from the clock, and raised above what an intake holds for that
//! intake alone.

use registry_auth_engine::keys::envelope::is_ahead;
use registry_auth_engine::time::UnixTime;

/// Returns the generation of a set created at `now`: Unix milliseconds, and greater than `last`.
/// The exception is a `last` so far ahead of the clock that no intake would accept a greater one.
pub(crate) fn next_generation(now: UnixTime, last: u64) -> u64 {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    if is_ahead(last, now) {
        millis
    } else {
        millis.max(last.saturating_add(1))
    }
}

/// Generations of one set in one intake.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    /// The generation that the intake held at the last query.
    seen: Option<u64>,
    /// A published generation, and the one under which it is pushed to this intake.
    target: Option<(u64, u64)>,
}

impl Generations {
    /// Records what the intake holds while there is nothing to push.
    pub(crate) fn see(&mut self, held: u64) {
        self.seen = Some(held);
    }

    /// Returns the generation under which to push the set that was published as `published` to an
    /// intake that holds `held`.
    ///
    /// A set that the intake already held when ours was fetched is replaced, even if another shim
    /// with a clock ahead of ours has pushed it. One that arrives later is newer than ours and
    /// stays until our next refresh.
    pub(crate) fn target(&mut self, published: u64, held: u64) -> u64 {
        let before = self.seen.replace(held);
        match self.target {
            Some((of, target)) if of == published => target,
            _ => {
                let target = published.max(before.map_or(0, |before| before.saturating_add(1)));
                self.target = Some((published, target));
                target
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_follow_the_clock_and_increase() {
        const MINUTE: u64 = 60_000;
        const NOW: u64 = 1000 * MINUTE;
        let rows = [
            ("the first", 0, NOW),
            ("the clock leads", NOW - 1, NOW),
            ("the clock stands still", NOW, NOW + 1),
            (
                "the clock jumped back a little",
                NOW + 5 * MINUTE,
                NOW + 5 * MINUTE + 1,
            ),
            ("the clock was far ahead", NOW + 5 * MINUTE + 1, NOW),
            ("the greatest number", u64::MAX, NOW),
        ];
        for (name, last, expected) in rows {
            assert_eq!(
                next_generation(UnixTime::from_secs(60_000), last),
                expected,
                "{name}"
            );
        }
    }

    /// Name, (published, held) in turn, and the targets.
    type Row = (&'static str, &'static [(u64, u64)], &'static [u64]);

    #[test]
    fn a_set_that_was_there_before_is_overtaken_and_a_later_one_is_not() {
        let rows: [Row; 6] = [
            ("an empty intake", &[(7, 0), (7, 7)], &[7, 7]),
            ("a restart", &[(7, 7), (7, 0), (7, 7)], &[7, 7, 7]),
            ("our sets in turn", &[(7, 0), (9, 7), (9, 9)], &[7, 9, 9]),
            (
                "another shim's set comes after ours, and is overtaken by our next",
                &[(7, 7), (7, 20), (9, 20)],
                &[7, 7, 21],
            ),
            (
                "and only once",
                &[(7, 20), (9, 20), (9, 21), (9, 30)],
                &[7, 21, 21, 21],
            ),
            ("another shim was slower", &[(7, 5), (9, 5)], &[7, 9]),
        ];
        for (name, answers, expected) in rows {
            let mut generations = Generations::default();
            let found: Vec<_> = answers
                .iter()
                .map(|(published, held)| generations.target(*published, *held))
                .collect();
            assert_eq!(found, expected, "{name}");
        }
        let mut generations = Generations::default();
        generations.see(20);
        assert_eq!(
            generations.target(7, 20),
            21,
            "a set held before our first fetch"
        );
    }
}
