//! A token for a registry, fetched and checked.

use tokio::runtime::Builder;

use crate::clock::now;
use crate::environment::Environment;
use crate::settings::Registry;
use crate::source::Source;
use crate::source_error::SourceError;
use crate::token::{Token, TokenError};

/// Why there is no token. No message holds a part of one.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No source is written, and none is there.
    #[error(
        "no source of tokens is here: looked for github, gitlab (REGISTRY_TOKEN), env (REGISTRY_AUTH_TOKEN), kubernetes, gcp, aws, azure and spiffe; write `source`"
    )]
    NoSource,
    /// The source gives none.
    #[error("{source_name}: {error}")]
    Source {
        /// The name of the source.
        source_name: &'static str,
        /// Why.
        error: SourceError,
    },
    /// What it gives is not good for the registry.
    #[error("{source_name}: {error}{advice}")]
    Token {
        /// The name of the source.
        source_name: &'static str,
        /// Why.
        error: TokenError,
        /// What to do, after a colon; or nothing.
        advice: String,
    },
    /// The system has no resources for the request.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

/// Fetches a token from the source of a registry, and once again if it has ended. If none is
/// written, the first that is there is asked; `debug` is called with what is asked.
///
/// # Errors
/// See [`FetchError`].
pub fn token(
    registry: &Registry,
    environment: &Environment,
    debug: &mut dyn FnMut(&str),
) -> Result<Token, FetchError> {
    let source = match &registry.source {
        Some(source) => source.clone(),
        None => Source::detect(environment).ok_or(FetchError::NoSource)?,
    };
    debug(&format!(
        "source {source}, audience {}",
        registry.audience.escape_debug()
    ));
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(FetchError::Runtime)?;
    let token = runtime.block_on(fetch(&source, &registry.audience, environment, debug));
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
    token
}

async fn fetch(
    source: &Source,
    audience: &str,
    environment: &Environment,
    debug: &mut dyn FnMut(&str),
) -> Result<Token, FetchError> {
    let source_name = source.name();
    let mut again = true;
    loop {
        let text = source.fetch(audience, environment).await;
        let text = text.map_err(|error| FetchError::Source { source_name, error })?;
        match Token::check(&text, audience, now()) {
            Err(TokenError::Ended(left)) if again => {
                again = false;
                debug(&format!("the token has {left} s left: fetching another"));
            }
            checked => {
                return checked.map_err(|error| FetchError::Token {
                    source_name,
                    advice: match error {
                        TokenError::Ended(_) => format!(": {}", source.end_advice()),
                        TokenError::Audience { .. } => {
                            format!(": {}", source.audience_advice(audience))
                        }
                        TokenError::NotAToken
                        | TokenError::TooLong
                        | TokenError::NoEnd
                        | TokenError::Several(_) => String::new(),
                    },
                    error,
                });
            }
        }
    }
}
