//! When the keys of issuers are fetched, by which worker, and what becomes of those who wait.

mod hostile;
mod lease;
mod life;
mod unknown;
mod workers;
