//! The one environment that all expressions share.

use std::sync::{Arc, LazyLock};

use cel_interpreter::common::types::{CelDouble, CelString, DYN_TYPE};
use cel_interpreter::common::value::CowVal;
use cel_interpreter::{DeclarationError, Env, ExecutionError, extensions};

use super::evaluation::{Arguments, FunctionResult};
use super::functions::{self, shortest};
use super::syntax::STRING;

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
    env.add_overload(STRING, "string_as_go", vec![DYN_TYPE], string)?;
    functions::extension(env)
}

/// `string(x)`: doubles as Go prints them, all else as the crate does.
fn string<'b, 'v>(args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    if let [argument] = args.as_slice()
        && let Some(number) = argument.downcast_ref::<CelDouble>()
    {
        return Ok(CowVal::owned(CelString::from(shortest(*number.inner()))));
    }
    match shared().find_overload("string", &args) {
        Some(overload) => overload(args),
        None => Err(ExecutionError::no_such_overload("string", Vec::new())),
    }
}
