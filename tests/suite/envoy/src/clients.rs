//! Real clients against a real registry through the shipped Envoy; `docs/clients.md` has the
//! results.

mod caller;
mod daemons;
mod helper;
pub(crate) mod image;
mod page;
mod people;
mod table;
mod verdict;
mod warnings;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::callers::service_account;
use registry_auth_harness::front::{Front, Realm};
use registry_auth_harness::program::tool;

use self::caller::{Caller, Place};
use self::daemons::{Daemons, Sockets};
use self::page::{Page, Row};
use self::table::{CLIENTS, Client, Operation};
use crate::Outcome;

/// The caller; the policy is that of `envoy/filter.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// May do everything.
    Admin,
    /// The administrator with an expired token.
    Late,
    /// May read `team/**`.
    Reader,
    /// Comes from another namespace.
    Stranger,
    /// Has no token.
    Nobody,
}

impl Who {
    const ALL: [Self; 5] = [
        Self::Admin,
        Self::Late,
        Self::Reader,
        Self::Stranger,
        Self::Nobody,
    ];

    fn token(self) -> Result<Option<String>> {
        let (namespace, name, expires) = match self {
            Self::Admin => ("registry", "admin", "+1h"),
            Self::Late => ("registry", "admin", "-5m"),
            Self::Reader => ("team", "tester", "+1h"),
            Self::Stranger => ("other", "ci", "+1h"),
            Self::Nobody => return Ok(None),
        };
        service_account(namespace, name, expires).map(Some)
    }

    /// Logs in, except where the login itself is tested.
    fn log_in(self, caller: &Caller<'_>) -> Result<()> {
        if matches!(self, Self::Reader | Self::Stranger) {
            let ended = caller.ask(Operation::Login, "team/none")?;
            ensure!(
                ended.as_ref().is_none_or(|ended| ended.success),
                "{self:?} cannot log in"
            );
        }
        Ok(())
    }
}

/// A column of the table.
struct Case {
    heading: &'static str,
    who: Who,
    operation: Operation,
    /// `{row}` is the name of the row, so that each row has its own repositories; `{client}` that
    /// of its client.
    repository: &'static str,
    may: Permission,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    Granted,
    Refused,
}

const CASES: &[Case] = &[
    granted("login", Who::Admin, Operation::Login, "team/{row}"),
    granted("push", Who::Admin, Operation::Push, "team/{row}"),
    granted("pull", Who::Admin, Operation::Pull, "team/{row}"),
    granted("inspect", Who::Admin, Operation::Inspect, "team/{row}"),
    granted("list tags", Who::Admin, Operation::Tags, "team/{row}"),
    granted("referrers", Who::Admin, Operation::Referrers, "team/{row}"),
    granted("mount", Who::Admin, Operation::Mount, "team/{row}"),
    granted("catalog", Who::Admin, Operation::Catalog, "team/{row}"),
    refused("login, expired", Who::Late, Operation::Login, "team/{row}"),
    refused(
        "push, may only read",
        Who::Reader,
        Operation::Push,
        "team/{row}-refused",
    ),
    refused(
        "pull, may not",
        Who::Stranger,
        Operation::Pull,
        "team/{row}",
    ),
    refused("pull, no token", Who::Nobody, Operation::Pull, "team/{row}"),
    granted(
        "push, public",
        Who::Admin,
        Operation::Push,
        "public/{client}",
    ),
    granted(
        "pull, public, no token",
        Who::Nobody,
        Operation::Pull,
        "public/{client}",
    ),
    granted("delete", Who::Admin, Operation::Delete, "team/{row}"),
];

const fn granted(
    heading: &'static str,
    who: Who,
    operation: Operation,
    repository: &'static str,
) -> Case {
    Case {
        heading,
        who,
        operation,
        repository,
        may: Permission::Granted,
    }
}

const fn refused(
    heading: &'static str,
    who: Who,
    operation: Operation,
    repository: &'static str,
) -> Case {
    Case {
        heading,
        who,
        operation,
        repository,
        may: Permission::Refused,
    }
}

#[test]
fn clients_through_envoy_come_out_as_their_page_says() -> Outcome {
    let daemons = Daemons::start();
    let clients = present(&daemons)?;
    let sockets = daemons.as_ref().ok().map(Daemons::sockets);
    let mut page = Page::new(CASES.iter().map(|case| case.heading));
    for realm in Realm::TRIED {
        page.add_table(*realm, rows(*realm, &clients, sockets)?);
    }
    Ok(page.check()?)
}

/// Not every client can be installed everywhere, and daemons require root: without them there are
/// fewer rows, except when `CI` is set.
fn present(daemons: &Result<Daemons>) -> Result<Vec<&'static Client>> {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let mut present = Vec::new();
    for client in CLIENTS {
        let missing = client
            .programs
            .iter()
            .find(|program| !tool(&format!("bin/{program}")).exists());
        let why = match (missing, daemons) {
            (Some(program), _) => format!("{program} is missing: run `cargo xtask tools`"),
            (None, Err(error)) if client.programs.contains(&"containerd") => format!("{error:#}"),
            _ => {
                present.push(client);
                continue;
            }
        };
        ensure!(!in_ci, "{}: {why}", client.name);
        eprintln!(
            "SKIPPED: {}: {}",
            client.name,
            why.lines().next().unwrap_or_default()
        );
    }
    Ok(present)
}

fn rows(realm: Realm, clients: &[&Client], sockets: Option<&Sockets>) -> Result<Vec<Row>> {
    let front = Front::start(realm)?;
    let layout = image::write_layout(front.folder().join("layout"))?;
    let place = Place {
        host: front.address(),
        user: "token",
        layout,
        sockets: sockets.cloned(),
    };
    let row = |client: &&Client| {
        row(&front, &place, client)
            .with_context(|| format!("{} failed\n{}", client.name, front.logs()))
    };
    clients.iter().map(row).collect()
}

fn row(front: &Front, place: &Place, client: &Client) -> Result<Row> {
    let name = format!("{}-{}", client.name, client.credential.name());
    let callers = Who::ALL.iter().map(|who| {
        let folder = front.folder().join(format!("{name}-{who:?}"));
        let caller = Caller::new(place, client, folder, who.token()?)?;
        who.log_in(&caller)?;
        Ok((*who, caller))
    });
    let callers = callers.collect::<Result<Vec<_>>>()?;
    let mut row = Row::new(client);
    for case in CASES {
        let (_, caller) = callers
            .iter()
            .find(|(who, _)| *who == case.who)
            .context("everybody calls")?;
        let repository = case
            .repository
            .replace("{row}", &name)
            .replace("{client}", client.name);
        let (ended, accesses) = front.watch(|| caller.ask(case.operation, &repository))?;
        row.add(case, &repository, ended.as_ref(), &accesses);
    }
    Ok(row)
}
