//! Which rules of a policy its tests have reached.

use std::collections::BTreeSet;

use registry_auth_engine::authz::Policy;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Engine;
use registry_auth_engine::trace::{Evaluated, Outcome, RuleOutcome, Step};

use crate::case::Case;

/// What can be covered: a place in the configuration, and what has to happen there.
type Unit = (String, &'static str);

const REACHED: &str = "no request reached it";
const GRANTS: &str = "never granted anything";
const TRUE: &str = "never true";
const FALSE: &str = "never false";

/// What tests have covered.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    all: BTreeSet<Unit>,
    covered: BTreeSet<Unit>,
}

impl Coverage {
    /// What there is to cover in a configuration.
    #[must_use]
    pub fn of(document: &Document, engine: &Engine) -> Self {
        let mut all = BTreeSet::new();
        for rule in engine.policy().map(Policy::rules).unwrap_or_default() {
            let place = place(rule.pattern.as_deref(), &rule.place);
            if let Some(pattern) = &rule.pattern {
                all.insert((pattern.to_string(), REACHED));
            }
            for index in 0..rule.conditions.len() {
                let condition = format!("{place}.conditions[{index}]");
                all.extend([TRUE, FALSE].map(|what| (condition.clone(), what)));
            }
            all.insert((place, GRANTS));
        }
        let issuers = document.bearer.iter().flat_map(|bearer| &bearer.oidc);
        for (issuer, entry) in issuers.enumerate() {
            let mapping = entry.claim_mapping.iter();
            let count = mapping.map(|mapping| mapping.validations.len()).sum();
            for index in 0..count {
                let validation = validation(&format!("bearer.oidc[{issuer}]"), index);
                all.extend([TRUE, FALSE].map(|what| (validation.clone(), what)));
            }
        }
        Self {
            all,
            covered: BTreeSet::new(),
        }
    }

    /// Adds what a case has reached.
    pub fn add(&mut self, case: &Case) {
        for (_, report) in &case.reports {
            self.add_steps(&report.steps);
        }
    }

    fn add_steps(&mut self, steps: &[Step]) {
        let mut pattern: Option<&str> = None;
        let (mut conditions, mut validations) = (Vec::new(), Vec::new());
        let mut covered = Vec::new();
        for step in steps {
            match step {
                Step::Pattern { text } => {
                    pattern = text.as_deref();
                    covered.extend(pattern.map(|text| (text.to_owned(), REACHED)));
                }
                Step::Expression { what, outcome, .. } => {
                    let result = match outcome {
                        Outcome::True => TRUE,
                        Outcome::False(_) => FALSE,
                        Outcome::Value | Outcome::Error(_) => continue,
                    };
                    match what {
                        Evaluated::Condition(index) => conditions.push((*index, result)),
                        Evaluated::Validation(index) => validations.push((*index, result)),
                        Evaluated::Variable(_) | Evaluated::Username | Evaluated::Groups => {}
                    }
                }
                Step::Rule {
                    place: rule,
                    outcome,
                    ..
                } => {
                    let of = pattern.filter(|_| rule != "adminPolicy");
                    let rule = place(of, rule);
                    let named = conditions.drain(..);
                    covered
                        .extend(named.map(|(index, result)| {
                            (format!("{rule}.conditions[{index}]"), result)
                        }));
                    if *outcome == RuleOutcome::Granted {
                        covered.push((rule, GRANTS));
                    }
                }
                Step::Provider { place, .. } => {
                    let named = validations.drain(..);
                    covered.extend(named.map(|(index, result)| (validation(place, index), result)));
                }
                Step::Token { .. }
                | Step::Caller { .. }
                | Step::Check { .. }
                | Step::AccessClaim { .. }
                | Step::Tag { .. } => {}
            }
        }
        let known = covered.into_iter().filter(|unit| self.all.contains(unit));
        self.covered.extend(known.collect::<Vec<_>>());
    }

    /// How many units are covered, and how many there are.
    #[must_use]
    pub fn count(&self) -> (usize, usize) {
        (self.covered.len(), self.all.len())
    }

    /// Percent of the units that are covered, rounded down; 100 if there are none.
    #[must_use]
    pub fn percent(&self) -> usize {
        let (covered, all) = self.count();
        (covered * 100).checked_div(all).unwrap_or(100)
    }

    /// What is covered: the places, one once for each thing that has happened there.
    pub fn covered(&self) -> impl Iterator<Item = &str> {
        self.covered.iter().map(|(place, _)| place.as_str())
    }

    /// What is not covered: the place, and what has not happened there.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &'static str)> {
        let missing = self.all.difference(&self.covered);
        missing.map(|(place, what)| (place.as_str(), *what))
    }
}

fn place(pattern: Option<&str>, rule: &str) -> String {
    match pattern {
        Some(pattern) => format!("{pattern} {rule}"),
        None => rule.to_owned(),
    }
}

fn validation(issuer: &str, index: usize) -> String {
    format!("{issuer}.claimMapping.validations[{index}]")
}
