//! The one environment that all expressions share.

use std::sync::{Arc, LazyLock};

use cel_interpreter::{DeclarationError, Env, extensions};

use super::functions;

/// Building it takes some hundred microseconds, using it for a context a few nanoseconds.
pub(super) fn shared() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(build()));
    Arc::clone(&ENVIRONMENT)
}

fn build() -> Env {
    let mut env = Env::stdlib().with_optional_support(true);
    env.set_error_on_duplicate_map_keys(false);
    // A declaration that clashes is left out; every function of the table in `functions` is called
    // by a test.
    let _: Result<(), DeclarationError> = extend(&mut env);
    env
}

fn extend(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_extension(extensions::encoders)?;
    functions::extension(env)
}
