//! The workbench as the page sees it.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::workbench::Workbench;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("../types.d.ts");

/// A configuration that is tried out. Questions and answers are JSON texts, of the types in
/// `Calls`.
#[wasm_bindgen(js_name = Workbench)]
#[derive(Debug, Default)]
pub struct Bench(Workbench);

#[wasm_bindgen(js_class = Workbench)]
impl Bench {
    /// An empty one.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a configuration: `LoadRequest` to `Checked`.
    pub fn load(&mut self, question: &str) -> String {
        self.0.load(question)
    }

    /// What is wrong, dangerous or doubtful: `CheckRequest` to `Findings`.
    #[must_use]
    pub fn check(&self, question: &str) -> String {
        self.0.check(question)
    }

    /// Decides: `Question` to `Decision`.
    #[must_use]
    pub fn decide(&self, question: &str) -> String {
        self.0.decide(question)
    }

    /// Who may do what: `MatrixRequest` to `Matrix`.
    #[must_use]
    pub fn matrix(&self, question: &str) -> String {
        self.0.matrix(question)
    }

    /// Runs the tests: `Moment` to `TestResults`.
    #[must_use]
    pub fn tests(&self, question: &str) -> String {
        self.0.tests(question)
    }

    /// Compares: `CompareRequest` to `Differences`.
    #[must_use]
    pub fn compare(&self, question: &str) -> String {
        self.0.compare(question)
    }

    /// Secrets of what would be shared: `SharedQuestion` to `Secrets`.
    #[must_use]
    pub fn secrets(&self, question: &str) -> String {
        self.0.secrets(question)
    }
}
