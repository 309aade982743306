//! Samples of Envoy's memory.

use anyhow::{Result, ensure};

/// Number of parts of a run that are compared.
const PARTS: usize = 10;
/// Number of parts until the caches are full.
const WARM: usize = 3;
/// Growth allowed after that, in percent: the allocator's reserve varies.
const GROWTH: u64 = 10;

/// Samples of memory over a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    samples: Vec<u64>,
}

impl Memory {
    /// Adds a sample in KiB.
    pub(crate) fn add(&mut self, sample: u64) {
        self.samples.push(sample);
    }

    /// Returns the maximum of each tenth of the run in KiB.
    pub(crate) fn tenths(&self) -> Vec<u64> {
        let length = self.samples.len().div_ceil(PARTS).max(1);
        self.samples
            .chunks(length)
            .map(|part| part.iter().copied().max().unwrap_or_default())
            .collect()
    }

    /// Checks that memory stayed flat after the first tenths.
    ///
    /// # Errors
    /// It grew.
    pub(crate) fn check(&self) -> Result<()> {
        let tenths = self.tenths();
        let warm = tenths.iter().take(WARM).max().copied().unwrap_or_default();
        let last = tenths.iter().skip(WARM).max().copied().unwrap_or_default();
        ensure!(
            last <= warm + warm * GROWTH / 100,
            "memory grows: {warm} KiB at first, {last} KiB later"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_may_rise_at_first_and_not_later() {
        let of = |samples: &[u64]| Memory {
            samples: samples.to_vec(),
        };
        assert_eq!(
            of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]).tenths(),
            [2, 4, 6, 8, 10, 12]
        );
        assert!(
            of(&[50, 90, 100, 100, 105, 104, 100, 101, 100, 110])
                .check()
                .is_ok()
        );
        assert!(
            of(&[50, 90, 100, 100, 105, 104, 100, 101, 100, 111])
                .check()
                .is_err()
        );
        assert!(of(&[]).check().is_ok());
    }
}
