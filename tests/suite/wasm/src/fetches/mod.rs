//! When the keys of issuers are fetched, by which worker, and the outcome of requests that wait.

mod hostile;
mod lease;
mod life;
mod trouble;
mod unknown;
mod workers;
