//! The resources of Envoy Gateway.
