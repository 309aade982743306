//! Configurations that must not start, on wasmtime.

use anyhow::{Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::refused::{good, rows, with};
use registry_auth_vm::{Compiled, Setup, Vm};
use serde_json::json;

#[test]
fn what_must_not_start_is_refused_wasm() -> Outcome {
    let module = Compiled::built()?;
    Vm::start(module, Setup::of_scenarios(good().to_string().as_bytes()))?;
    for (configuration, message) in rows() {
        let shown = configuration.escape_ascii();
        let Err(refusal) = Vm::start(module, Setup::of_scenarios(&configuration)) else {
            return Err(anyhow::anyhow!("it starts: {shown}").into());
        };
        let refusal = format!("{refusal:#}");
        check(
            refusal.contains("refused the configuration") && refusal.contains(message),
            &format!("{shown}: {refusal}"),
        )?;
    }
    Ok(())
}

/// The host would refuse each request with such a value, or the registry.
#[test]
fn a_credential_for_the_registry_that_is_no_header_value_is_refused_and_not_shown_wasm() -> Outcome
{
    let document = with(
        "",
        "proxy",
        json!({"upstreamAuthorization": {"env": "UPSTREAM"}}),
    )
    .to_string();
    for (value, starts) in [
        ("Basic c2VjcmV0", true),
        ("Bearer a b", true),
        ("Basic c2VjcmV0\n", false),
        ("c2VjcmV0", false),
        ("Basic ", false),
        (" c2VjcmV0", false),
        ("Basic c2VjcmV0\u{e4}", false),
    ] {
        let environment = vec![("UPSTREAM".to_owned(), value.to_owned())];
        let setup = Setup {
            environment,
            ..Setup::of_scenarios(document.as_bytes())
        };
        let refusal = Vm::start(Compiled::built()?, setup)
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        check(
            starts == refusal.is_empty(),
            &format!("{value:?}: {refusal}"),
        )?;
        check(
            !refusal.contains("c2VjcmV0"),
            &format!("{value:?} is shown: {refusal}"),
        )?;
    }
    Ok(())
}

/// Access control that is left out is no error, as in zot; it is said whatever `log.level` is.
#[test]
fn access_control_that_is_left_out_is_said_loudly_wasm() -> Outcome {
    for level in ["info", "error"] {
        let mut document = with("/http", "realm", json!("registry"));
        if let Some(document) = document.as_object_mut() {
            document.insert("log".to_owned(), json!({"level": level}));
        }
        let vm = Vm::start(
            Compiled::built()?,
            Setup::of_scenarios(document.to_string().as_bytes()),
        )?;
        let line = "warn: configuration: http.accessControl: is absent: every authenticated caller may do everything";
        check(
            vm.log().iter().any(|logged| logged == line),
            &format!("{level}: {:?}", vm.log()),
        )?;
    }
    Ok(())
}

fn check(holds: bool, message: &str) -> Result<()> {
    ensure!(holds, "{message}");
    Ok(())
}
