//! Hostile headers in Envoy: the request is refused, and others are not affected.

use std::time::Duration;

use anyhow::{Context as _, Error, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::hostile::{REFUSED, ROWS, good, serve};
use registry_auth_harness::client::{self, Connection};
use registry_auth_harness::module;
use registry_auth_harness::real::RealEnvoy;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn after_a_hostile_header_the_next_request_is_served_envoy() -> Outcome {
    let mut real = RealEnvoy::new(module::path()?)?;
    let (config, credential) = serve(&mut real)?;
    let address = real.envoy()?.listener(&format!("config-{config}"))?;
    for row in ROWS {
        let check = || -> Result<(), Error> {
            let mut connection = Connection::open(address, PATIENCE)?;
            let refused = connection.send(&row.request(&credential))?;
            ensure!(
                refused.status == row.envoy,
                "{} instead of {}",
                refused.status,
                row.envoy
            );
            // Envoy closes the connection when it cannot tell where the next request begins.
            if row.envoy == REFUSED {
                let next = connection
                    .send(&good(&credential))
                    .context("on the same connection")?;
                ensure!(
                    next.status == 200,
                    "{} to the next request on the same connection",
                    next.status
                );
            }
            let next = client::send(address, &good(&credential), PATIENCE)?;
            ensure!(
                next.status == 200,
                "{} to the next request on a new connection",
                next.status
            );
            Ok(())
        };
        check().context(row.name)?;
    }
    Ok(())
}
