//! The program as a process, and the scripts that use it.

mod action;
mod folder;
mod pages;
mod program;
mod service;
mod signals;
