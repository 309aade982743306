//! The engine for a page in a browser: what requests get, and why.
//!
//! The crate is pure, as the engine is. A [`Workbench`] holds a configuration; questions to it and
//! its answers are JSON, whose types are in `types.d.ts`. Compiled for a browser, it is a module of
//! WebAssembly with the same methods.
//!
//! ```
//! use registry_auth_playground::Workbench;
//! use serde_json::{Value, json};
//!
//! let text = "http: { accessControl: { repositories: { 'public/**': { anonymousPolicy: [read] } } } }";
//! let mut workbench = Workbench::default();
//! workbench.load(&json!({ "text": text, "format": "yaml" }).to_string());
//! let question = json!({ "who": { "kind": "anonymous" }, "words": "pull public/app:v1", "now": 1_800_000_000 });
//! let answer: Value = serde_json::from_str(&workbench.decide(&question.to_string())).unwrap();
//! assert_eq!(answer["verdict"], "allowed");
//! ```
//!
//! Modules use those above them:
//!
//! ```text
//!  path       `http.accessControl.repositories["team/**"]`
//!  places     where a path is written
//!  findings   what is wrong, and where
//!  yaml       YAML as values
//!  text       JSON and YAML as values
//!  document   a value as an engine
//!  check      what is wrong with all of it
//!  who        who asks
//!  steps      the steps of a decision, with their places
//!  decision   what somebody gets who does something
//!  promises   the configuration's own tests, and their coverage
//!  matrix     who may do what
//!  compare    what two configurations decide differently
//!  secrets    what no link may hold
//!  workbench  all of it, as questions and answers
//! ```

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod bindings;
mod check;
mod compare;
mod decision;
mod document;
mod findings;
mod matrix;
mod path;
mod places;
mod promises;
mod secrets;
mod steps;
#[cfg(test)]
mod tests;
mod text;
mod who;
mod workbench;
mod yaml;

pub use workbench::Workbench;
