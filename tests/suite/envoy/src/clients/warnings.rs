//! What clients show of the field `Warning`: of the next policy, while they still succeed. A refused
//! pull has a body in the end, which they show.

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::distribution;
use registry_auth_harness::front::{Front, Realm};
use registry_auth_harness::program::tool;
use serde_json::json;

use super::caller::{Caller, Place};
use super::table::{CLIENTS, Credential, Operation};
use super::{Who, image};
use crate::Outcome;

/// The clients that show it on success.
const SHOWING: [&str; 3] = ["crane", "regctl", "oras"];

const NEXT: &str = "registry-auth: from 2027 refused: pull a version";
const REFUSED: &str = "requested access to the resource is denied";

#[test]
fn clients_show_what_the_next_policy_would_refuse_and_why_a_pull_is_refused() -> Outcome {
    play()?;
    Ok(())
}

fn play() -> Result<()> {
    let entry = json!({
        "users": ["system:serviceaccount:registry:admin"],
        "actions": ["read", "create", "update", "delete"],
        "conditions": [{ "expression": "req.tag != '1' || req.action != 'read'", "message": "pull a version" }],
    });
    let shadow = json!({
        "accessControl": { "repositories": { "**": { "policies": [entry] } } },
        "warn": "from 2027",
    });
    let front = Front::start_with(Realm::Text, distribution::start, |plugin| {
        let members = plugin.as_object_mut().context("an object")?;
        members.insert("shadow".to_owned(), shadow);
        Ok(())
    })?;
    let place = Place {
        host: front.address(),
        user: "token",
        layout: image::write_layout(front.folder().join("layout"))?,
        sockets: None,
    };
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let showing = CLIENTS.iter().filter(|client| {
        SHOWING.contains(&client.name) && client.credential == Credential::Password
    });
    for client in showing {
        if !tool(&format!("bin/{}", client.name)).exists() {
            ensure!(
                !in_ci,
                "{} is missing: run `cargo xtask tools`",
                client.name
            );
            eprintln!(
                "SKIPPED: {} is missing: run `cargo xtask tools`",
                client.name
            );
            continue;
        }
        let repository = format!("team/{}", client.name);
        let caller = |who: Who| {
            let folder = front.folder().join(format!("{}-{who:?}", client.name));
            Caller::new(&place, client, folder, who.token()?)
        };
        let admin = caller(Who::Admin)?;
        // (who, operation, whether it succeeds, the warning)
        let stranger = caller(Who::Stranger)?;
        let rows = [
            (&admin, Operation::Login, true, None),
            (&admin, Operation::Push, true, None),
            (&admin, Operation::Pull, true, Some(NEXT)),
            (&stranger, Operation::Login, true, None),
            (&stranger, Operation::Pull, false, Some(REFUSED)),
        ];
        for (caller, operation, success, warning) in rows {
            let ended = caller.ask(operation, &repository)?;
            let ended = ended.context("each of them has these")?;
            let place = format!("{} {operation:?}: {}", client.name, ended.output);
            ensure!(ended.success == success, "{place}");
            if let Some(warning) = warning {
                ensure!(
                    ended.output.to_lowercase().contains(warning),
                    "no warning\n{place}"
                );
            }
        }
    }
    Ok(())
}
