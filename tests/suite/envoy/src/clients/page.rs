//! `docs/clients.md`: what it should hold, and whether it does.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_harness::front::{Access, Realm};
use registry_auth_harness::module;

use super::caller::Ended;
use super::table::{CLIENTS, Client};
use super::verdict::Verdict;
use super::{Case, Permission};

const PAGE: &str = "docs/clients.md";
/// Set, it has the page written instead of compared.
const RENEW: &str = "REGISTRY_AUTH_RENEW";
const TEST: &str = "cargo test -p registry-auth-suite-envoy clients";
const ABOUT: &str = "# Clients

How real clients come out against a real registry (Distribution) behind Envoy with `envoy/envoy.yaml`. A test makes these
tables and fails when they change. `filter/xtask/src/tools/table.rs` pins the versions; docker, containerd (`ctr`),
skopeo and buildah are those of Debian 12.

The token is given as *password* of the client's login, as *configuration* (`registrytoken` in Docker's `config.json`), as
*argument* (`--registry-token`) or by the *helper* ([workloads.md](workloads.md)), which needs no login: oras and skopeo present
*configuration* and *argument* only to a Bearer challenge. *Mount* copies an image into another repository of the same registry.
*Public* is a repository with `anonymousPolicy`, in a registry where most need a token.

| cell | meaning |
|---|---|
| yes | it worked |
| mounted | the copy worked, and its layer was not uploaded |
| stored | the login kept the token and asked nobody |
| part | a list that lacks the caller's own repository: the client got it without presenting the token |
| 401, 403, ... | the client failed, and this was the refusal |
| ..., retried | the client met that refusal again and again before it gave up |
| failed | the client failed, and nothing was refused |
| - | the client has no such operation |
";

/// The page as this run makes it.
pub(super) struct Page {
    headings: String,
    text: String,
    rows: Vec<Row>,
}

/// A line of a table.
pub(super) struct Row {
    client: &'static str,
    cells: Vec<String>,
    /// What happened in each cell, for whoever has to find out why it has changed.
    story: Vec<String>,
    /// Cells that no page makes right.
    faults: Vec<String>,
}

impl Row {
    /// A line without cells.
    pub(super) fn new(client: &Client) -> Self {
        let cells = [client.name, client.credential.name()]
            .map(str::to_owned)
            .to_vec();
        Self {
            client: client.name,
            cells,
            story: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Adds the next cell; `ended` is `None` when the client has no such operation.
    pub(super) fn add(
        &mut self,
        case: &Case,
        repository: &str,
        ended: Option<&Ended>,
        accesses: &[Access],
    ) {
        let Some(ended) = ended else {
            self.cells.push(Verdict::Absent.to_string());
            return;
        };
        let verdict = Verdict::of(case.operation, repository, ended, accesses);
        let seen = accesses
            .iter()
            .map(|access| format!("    {} {} {}", access.status, access.method, access.path));
        let seen = seen.collect::<Vec<_>>().join("\n");
        let story = format!(
            "  {}: {verdict}\n{seen}\n    it said: {}",
            case.heading,
            ended.last_words()
        );
        if case.may == Permission::Refused && !verdict.is_refusal() {
            self.faults
                .push(format!("{} must be refused\n{story}", self.line()));
        }
        self.cells.push(verdict.to_string());
        self.story.push(story);
    }

    fn line(&self) -> String {
        format!("| {} |", self.cells.join(" | "))
    }
}

impl Page {
    /// A page whose tables have these headings.
    pub(super) fn new(headings: impl Iterator<Item = &'static str>) -> Self {
        let names: Vec<_> = ["client", "token as"].into_iter().chain(headings).collect();
        let headings = format!("| {} |\n|{}", names.join(" | "), "---|".repeat(names.len()));
        Self {
            headings,
            text: ABOUT.to_owned(),
            rows: Vec::new(),
        }
    }

    /// Adds the table of a realm.
    pub(super) fn add_table(&mut self, realm: Realm, rows: Vec<Row>) {
        let title = match realm {
            Realm::Text => "`bearer.realm` is plain text: the filter asks for Basic",
            Realm::Url => {
                "`bearer.realm` is the URL of the token endpoint: the filter asks for Bearer"
            }
        };
        let lines = rows.iter().map(Row::line).collect::<Vec<_>>().join("\n");
        self.text = format!("{}\n## {title}\n\n{}\n{lines}\n", self.text, self.headings);
        self.rows.extend(rows);
    }

    /// Compares with the page in the checkout, or writes it when `REGISTRY_AUTH_RENEW` is set.
    ///
    /// # Errors
    /// They differ, or something was not refused that has to be.
    pub(super) fn check(&self) -> Result<()> {
        let faults: Vec<_> = self
            .rows
            .iter()
            .flat_map(|row| &row.faults)
            .cloned()
            .collect();
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        let whole = CLIENTS.iter().all(|client| self.has(client.name));
        let path = module::workspace().join(PAGE);
        if std::env::var_os(RENEW).is_some() {
            ensure!(whole, "{PAGE} cannot be renewed without all clients");
            return fs::write(path, &self.text).context(PAGE);
        }
        let committed = fs::read_to_string(path).context(PAGE)?;
        let without = |line: &&str| {
            CLIENTS
                .iter()
                .all(|client| self.has(client.name) || !is_of(line, client))
        };
        if committed.lines().filter(without).eq(self.text.lines()) {
            return Ok(());
        }
        let changed = self
            .rows
            .iter()
            .filter(|row| !committed.lines().any(|line| line == row.line()));
        let stories: Vec<_> = changed
            .map(|row| format!("{}\n{}", row.line(), row.story.join("\n")))
            .collect();
        bail!(
            "{PAGE} says otherwise; `{RENEW}=1 {TEST}` updates it\n{}",
            stories.join("\n")
        )
    }

    fn has(&self, client: &str) -> bool {
        self.rows.iter().any(|row| row.client == client)
    }
}

fn is_of(line: &str, client: &Client) -> bool {
    line.starts_with(&format!("| {} |", client.name))
}
