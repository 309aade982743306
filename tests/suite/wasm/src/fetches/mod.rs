//! When the keys of issuers are fetched, by which worker, and what becomes of those who wait.

mod crowd;
#[cfg(feature = "vm")]
mod hostile;
#[cfg(feature = "vm")]
mod lease;
#[cfg(feature = "vm")]
mod life;
#[cfg(feature = "vm")]
mod unknown;
#[cfg(feature = "vm")]
mod workers;
