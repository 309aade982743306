//! Tests of the workbench as the page uses it.

mod samples;
mod workbench;
