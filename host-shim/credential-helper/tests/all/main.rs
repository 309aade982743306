//! The program as a process, and the scripts that use it.

mod program;
mod service;
mod action;
mod pages;
