//! Which generation a set has: by the clock for all intakes, and above what one intake holds for this intake alone.

use registry_auth_engine::keys::envelope::is_ahead;
use registry_auth_engine::time::UnixTime;

/// The generation of a set that is made `now`: Unix milliseconds, above `last`, unless a clock that was ahead has made that one and no
/// intake takes anything above it.
pub(crate) fn next_generation(now: UnixTime, last: u64) -> u64 {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    if is_ahead(last, now) { millis } else { millis.max(last.saturating_add(1)) }
}

/// Generations of one set in one intake.
#[derive(Debug, Default)]
pub(crate) struct Generations {
    /// What the intake held when it was asked last.
    seen: Option<u64>,
    /// A published generation, and the one that the intake gets it as.
    target: Option<(u64, u64)>,
}

impl Generations {
    /// Notes what the intake holds while there is nothing to push.
    pub(crate) fn see(&mut self, held: u64) {
        self.seen = Some(held);
    }

    /// The generation under which the intake shall hold the set that was published as `published`, now that it holds `held`.
    ///
    /// A set that the intake held before ours was made is overtaken, if another shim has made it by a clock ahead of ours. What
    /// comes later is newer than ours, and stays until ours is made again.
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
            ("the clock jumped back a little", NOW + 5 * MINUTE, NOW + 5 * MINUTE + 1),
            ("the clock was far ahead", NOW + 5 * MINUTE + 1, NOW),
            ("the greatest number", u64::MAX, NOW),
        ];
        for (name, last, expected) in rows {
            assert_eq!(next_generation(UnixTime::from_secs(60_000), last), expected, "{name}");
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
            ("and only once", &[(7, 20), (9, 20), (9, 21), (9, 30)], &[7, 21, 21, 21]),
            ("another shim was slower", &[(7, 5), (9, 5)], &[7, 9]),
        ];
        for (name, answers, expected) in rows {
            let mut generations = Generations::default();
            let found: Vec<_> = answers.iter().map(|(published, held)| generations.target(*published, *held)).collect();
            assert_eq!(found, expected, "{name}");
        }
        let mut generations = Generations::default();
        generations.see(20);
        assert_eq!(generations.target(7, 20), 21, "what was there before we had anything");
    }
}
