//! Counters and gauges: threads add to memory of their own, and the main thread passes it on to Envoy with its ticks.
//!
//! Envoy lets a configuration define metrics only while it is made, with the names of their labels; values of labels come with
//! each use. The filter has names with labels in them (`registry_auth.LABEL=.=VALUE;.;NAME`), which are taken apart here.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::Config;
use crate::guard;

const PREFIX: &str = "registry_auth.";
const GAUGE: u32 = 1;

/// A metric: its name, its labels, and whether it is a gauge.
pub(crate) struct Shape {
    name: &'static str,
    labels: &'static [&'static str],
    is_gauge: bool,
}

const fn counter(name: &'static str, labels: &'static [&'static str]) -> Shape {
    Shape {
        name,
        labels,
        is_gauge: false,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str]) -> Shape {
    Shape {
        name,
        labels,
        is_gauge: true,
    }
}

/// Panics that were caught; this module's own.
const PANICS: usize = 0;

/// All metrics of the filter.
pub(crate) const SHAPES: &[Shape] = &[
    counter("panics", &[]),
    counter("decisions", &["decision", "reason", "provider", "action"]),
    counter("fetches", &["source", "outcome"]),
    counter("waits", &["stage"]),
    counter("wait_ms", &["stage"]),
    counter("token_cache", &["result"]),
    counter("shadow_disagreements", &["kind"]),
    counter("intake.accepted", &[]),
    counter("intake.refused", &[]),
    counter("keys.push_refused", &[]),
    counter("keys.share_refused", &[]),
    counter("keys.skipped", &[]),
    counter("logins.answered", &[]),
    counter("logins.failed", &[]),
    gauge("config_info", &["policy", "plugin"]),
    gauge("keys_age_seconds", &["source", "plugin"]),
    gauge("keys_count", &["source", "plugin"]),
    gauge("keys_stale", &["source", "plugin"]),
    gauge("keys_failing", &["source", "plugin"]),
];

/// A metric with values of its labels, as one thread counts it.
struct Slot {
    shape: usize,
    values: Vec<String>,
    /// Added and not passed on.
    added: AtomicI64,
    /// It was counted ever.
    is_used: AtomicBool,
    /// The value of a gauge, and whether it is not passed on.
    value: AtomicU64,
    is_new: AtomicBool,
}

/// The slots of a thread. Not dropped with it: what ends with a thread may still count.
struct Own {
    numbers: BTreeMap<Vec<u8>, u32>,
    slots: Vec<&'static Slot>,
}

thread_local! {
    static OWN: RefCell<ManuallyDrop<Own>> = const {
        RefCell::new(ManuallyDrop::new(Own { numbers: BTreeMap::new(), slots: Vec::new() }))
    };
}

/// Those of all threads. They stay: there are as many as names, which depend on the configuration alone.
static SLOTS: Mutex<Vec<&'static Slot>> = Mutex::new(Vec::new());

fn slots() -> MutexGuard<'static, Vec<&'static Slot>> {
    SLOTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a name of the filter apart; `None` if it is none of [`SHAPES`].
fn read(name: &str) -> Option<(usize, Vec<String>)> {
    let mut labels: Vec<&str> = name.strip_prefix(PREFIX)?.split(";.;").collect();
    let name = labels.pop()?;
    let (number, shape) = SHAPES
        .iter()
        .enumerate()
        .find(|(_, shape)| shape.name == name)?;
    let mut values = vec![String::new(); shape.labels.len()];
    for label in labels {
        let (label, value) = label.split_once("=.=")?;
        let place = shape.labels.iter().position(|known| *known == label)?;
        value.clone_into(values.get_mut(place)?);
    }
    Some((number, values))
}

/// Defines a metric for this thread, or finds it; gives its number there.
pub(crate) fn define(kind: u32, name: &[u8]) -> Option<u32> {
    OWN.with_borrow_mut(|own| {
        if let Some(number) = own.numbers.get(name) {
            return Some(*number);
        }
        let (shape, values) = read(std::str::from_utf8(name).ok()?)?;
        if SHAPES.get(shape)?.is_gauge != (kind == GAUGE) {
            return None;
        }
        let slot: &'static Slot = Box::leak(Box::new(Slot {
            shape,
            values,
            added: AtomicI64::new(0),
            is_used: AtomicBool::new(false),
            value: AtomicU64::new(0),
            is_new: AtomicBool::new(false),
        }));
        slots().push(slot);
        let number = u32::try_from(own.slots.len()).ok()?;
        own.slots.push(slot);
        own.numbers.insert(name.to_owned(), number);
        Some(number)
    })
}

fn slot(number: u32) -> Option<&'static Slot> {
    let index = usize::try_from(number).ok()?;
    OWN.with_borrow(|own| own.slots.get(index).copied())
}

/// Adds to a counter.
pub(crate) fn add(number: u32, more: i64) {
    if let Some(slot) = slot(number) {
        slot.added.fetch_add(more, Ordering::Relaxed);
        slot.is_used.store(true, Ordering::Relaxed);
    }
}

/// Sets a gauge.
pub(crate) fn set(number: u32, value: u64) {
    if let Some(slot) = slot(number) {
        slot.value.store(value, Ordering::Relaxed);
        slot.is_new.store(true, Ordering::Release);
    }
}

/// Defines all metrics at a configuration; gives their numbers, in the order of [`SHAPES`].
pub(crate) fn define_all(config: Config<'_>) -> Vec<Option<usize>> {
    let define = |shape: &Shape| {
        config.define(
            shape.is_gauge,
            &format!("{PREFIX}{}", shape.name),
            shape.labels,
        )
    };
    SHAPES.iter().map(define).collect()
}

/// Which metrics a configuration has: Envoy keeps one until the last configuration that has written it ends.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Vec<bool>>);

impl Kept {
    /// Returns true once for each place.
    fn is_new(&self, place: usize) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() <= place {
            kept.resize(place + 1, false);
        }
        kept.get_mut(place)
            .is_some_and(|kept| !std::mem::replace(kept, true))
    }
}

/// Passes on what was counted since, by whichever configuration is there: metrics of the same name are the same for all. What others
/// have passed on is written too, without a change, so that it does not end with them.
pub(crate) fn pass_on(config: Config<'_>, numbers: &[Option<usize>], kept: &Kept) {
    let write = |shape: usize, values: &[String], value: u64| {
        let is_gauge = SHAPES.get(shape).is_some_and(|shape| shape.is_gauge);
        let number = numbers.get(shape).copied().flatten();
        number.is_some_and(|number| config.write(is_gauge, number, values, value))
    };
    let panics = guard::take_panics();
    if panics > 0 {
        write(PANICS, &[], panics);
    }
    for (place, slot) in slots().iter().enumerate() {
        let value = slot.value.load(Ordering::Relaxed);
        // A gauge that was never set, or was set to 0 by what ended, is not shown.
        let is_shown = slot.is_used.load(Ordering::Relaxed) || value > 0;
        let is_kept = is_shown && kept.is_new(place);
        let is_gauge = SHAPES.get(slot.shape).is_some_and(|shape| shape.is_gauge);
        if is_gauge {
            if slot.is_new.swap(false, Ordering::Acquire) || is_kept {
                write(slot.shape, &slot.values, slot.value.load(Ordering::Relaxed));
            }
        } else if slot.added.load(Ordering::Relaxed) > 0 || is_kept {
            let added = slot.added.swap(0, Ordering::Relaxed);
            write(slot.shape, &slot.values, added.unsigned_abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SHAPES, read};

    #[test]
    fn names_are_taken_apart() {
        let (shape, values) =
            read("registry_auth.decision=.=deny;.;reason=.=token;.;action=.=pull;.;decisions")
                .unwrap();
        assert_eq!(SHAPES[shape].name, "decisions");
        assert_eq!(values, ["deny", "token", "", "pull"]);
        assert_eq!(read("registry_auth.intake.accepted").unwrap().1.len(), 0);
        assert!(read("registry_auth.other").is_none());
        assert!(read("registry_auth.other=.=a;.;decisions").is_none());
        assert!(read("decisions").is_none());
    }

    #[test]
    fn each_name_of_the_filter_is_known() {
        let sources = [
            include_str!("../../src/metrics.rs"),
            include_str!("../../src/intake.rs"),
            include_str!("../../src/keys/lease_store.rs"),
            include_str!("../../src/keys/pushed_source.rs"),
            include_str!("../../src/keys/supply.rs"),
        ];
        let mut found = 0;
        for source in sources {
            for name in source.split("Counted::Plain(\"").skip(1) {
                let name = name.split('"').next().unwrap();
                assert!(SHAPES.iter().any(|shape| shape.name == name), "{name}");
                found += 1;
            }
        }
        assert!(found >= 5, "{found}");
    }
}
