//! Named measurements and their statistics.

use serde::Serialize;

/// A measurement other than the rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// Its id, for goals and for the JSON.
    pub(crate) id: String,
    /// Its description in the table.
    pub(crate) what: String,
    /// One value for each time it was measured.
    pub(crate) samples: Vec<f64>,
    /// The unit.
    pub(crate) unit: &'static str,
}

impl Figure {
    /// Creates a figure; `samples` has at least one value.
    pub(crate) fn new(id: &str, what: &str, samples: Vec<f64>, unit: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            what: what.to_owned(),
            samples,
            unit,
        }
    }

    /// Returns the median.
    pub(crate) fn median(&self) -> f64 {
        median(&self.samples)
    }
}

/// Returns the median, for an even number of values the mean of both middle ones; 0 for no values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        middle(half)
    } else {
        f64::midpoint(middle(half.saturating_sub(1)), middle(half))
    }
}

/// Formats a number for the tables, with three significant digits.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_of_any_number_of_values() {
        for (values, expected) in [
            (&[3.0, 1.0, 2.0][..], 2.0),
            (&[4.0, 1.0, 2.0, 3.0], 2.5),
            (&[7.0], 7.0),
            (&[], 0.0),
        ] {
            assert!((median(values) - expected).abs() < 1e-9, "{values:?}");
        }
    }

    #[test]
    fn numbers_are_short() {
        let rows = [
            (1.234, "1.23"),
            (12.34, "12.3"),
            (123.4, "123"),
            (-5.678, "-5.68"),
            (0.0, "0.00"),
        ];
        for (value, expected) in rows {
            assert_eq!(short(value), expected);
        }
    }
}
