//! The program as a process, and the scripts that use it.

mod action;
mod pages;
mod program;
mod service;
mod signals;
