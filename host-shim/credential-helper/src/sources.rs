//! Fetches a token from its source. It is not checked here.

mod aws;
mod azure;
mod exec;
mod gcp;
mod github;
mod group;
mod spiffe;

use crate::environment::{Environment, read};
use crate::source::Source;
use crate::source_error::SourceError;

impl Source {
    /// Fetches a token for an audience.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub(crate) async fn fetch(
        &self,
        audience: &str,
        environment: &Environment,
    ) -> Result<String, SourceError> {
        match self {
            Self::Github => github::fetch(audience, environment).await,
            Self::Gitlab { variable } => of_variable(
                variable,
                environment,
                "give the job `id_tokens`, with this name and the registry as `aud`",
            ),
            Self::Env { variable } => of_variable(variable, environment, "put the token into it"),
            Self::File { path } | Self::Kubernetes { path } => Ok(read(path)?),
            Self::Gcp => gcp::fetch(audience, environment).await,
            Self::Aws { region } => aws::fetch(audience, region.as_deref(), environment).await,
            Self::Azure { client_id } => {
                azure::fetch(audience, client_id.as_deref(), environment).await
            }
            Self::Spiffe { id } => spiffe::fetch(audience, id.as_deref(), environment).await,
            Self::Exec { program, arguments } => exec::run(program, arguments, audience),
        }
    }
}

fn of_variable(
    variable: &str,
    environment: &Environment,
    instead: &'static str,
) -> Result<String, SourceError> {
    let value = environment.get(variable).map(str::to_owned);
    value.ok_or_else(|| SourceError::NotSet {
        variable: variable.to_owned(),
        instead,
    })
}

#[cfg(test)]
mod tests;
