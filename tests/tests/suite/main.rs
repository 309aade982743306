//! The tests that run the filter: natively, on wasmtime, in the real Envoy. `README.md` says how to choose.

mod scenarios;
