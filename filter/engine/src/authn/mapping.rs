//! Claims to user name and groups: variables, validations, user name, groups, in this order.

mod steps;

use std::fmt;
use std::sync::Arc;

use registry_auth_cel::{Bindings, Document, EvaluationError, Expression, INEXACT, Members, Scope};
use serde_json::{Map, Value};

use crate::authn::identity::User;
use crate::config::{Diagnostics, raw};
use crate::reason::Reason;
use crate::trace::{Evaluated, Recorder};
use steps::MappingSteps;

/// The user name of a mapping without `username`: issuer and subject.
const DEFAULT_USERNAME: &str = "claims.iss + '/' + claims.sub";

/// A compiled claim mapping.
pub struct ClaimMapping {
    variables: Vec<Variable>,
    validations: Vec<Validation>,
    username: Written,
    groups: Option<Written>,
    /// The claims that some expression reads.
    reads: Members,
}

struct Variable {
    name: String,
    expression: Written,
}

struct Validation {
    expression: Written,
    message: String,
}

/// An expression, and its text.
struct Written {
    compiled: Expression,
    source: Arc<str>,
}

/// Which step refused the claims. Each refuses the token; what went wrong is a kind and never a
/// value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A variable could not be evaluated, whether it is used or not.
    #[error("variable `{name}` cannot be evaluated: {source}")]
    Variable {
        /// Its name in the configuration.
        name: String,
        /// The kind of error.
        source: EvaluationError,
    },
    /// A validation is false.
    #[error("validation {index} failed: {message}")]
    Invalid {
        /// Its place in the configuration, from zero.
        index: usize,
        /// Its message in the configuration.
        message: String,
    },
    /// A validation could not be evaluated.
    #[error("validation {index} cannot be evaluated: {source}")]
    Validation {
        /// Its place in the configuration, from zero.
        index: usize,
        /// The kind of error.
        source: EvaluationError,
    },
    /// The user name could not be evaluated, or is not a string.
    #[error("the user name cannot be evaluated: {0}")]
    Username(#[source] EvaluationError),
    /// The user name is the empty string.
    #[error("the user name is empty")]
    EmptyUsername,
    /// The groups could not be evaluated, or are not a list of strings.
    #[error("the groups cannot be evaluated: {0}")]
    Groups(#[source] EvaluationError),
}

impl From<MappingError> for Reason {
    fn from(error: MappingError) -> Self {
        match error {
            MappingError::Invalid { .. } => Self::ValidationFailed,
            MappingError::Variable { .. }
            | MappingError::Validation { .. }
            | MappingError::Username(_)
            | MappingError::EmptyUsername
            | MappingError::Groups(_) => Self::MappingFailed,
        }
    }
}

impl ClaimMapping {
    /// Compiles the mapping at `path`, or the default when there is none; `None` when something in
    /// it is an error.
    #[must_use]
    pub fn compile(
        raw: Option<&raw::ClaimMapping>,
        path: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let absent = raw::ClaimMapping::default();
        let raw = raw.unwrap_or(&absent);
        let variables = variables(&raw.variables, path, diagnostics);
        let validations = validations(&raw.validations, path, diagnostics);
        let username = raw
            .username
            .as_deref()
            .filter(|source| !source.is_empty())
            .unwrap_or(DEFAULT_USERNAME);
        let username = expression(username, &format!("{path}.username"), diagnostics);
        let groups = raw.groups.as_deref().filter(|source| !source.is_empty());
        let groups =
            groups.map(|source| expression(source, &format!("{path}.groups"), diagnostics));
        if username
            .as_ref()
            .is_some_and(|username| !username.compiled.may_be_string())
        {
            diagnostics.warn(
                format!("{path}.username"),
                "never a string, so that every token will be refused",
            );
        }
        if groups
            .iter()
            .flatten()
            .any(|groups| !groups.compiled.may_be_strings())
        {
            diagnostics.warn(
                format!("{path}.groups"),
                "never a list of strings, so that every token will be refused",
            );
        }
        let groups = match groups {
            None => Some(None),
            Some(compiled) => compiled.map(Some),
        };
        let (variables, validations, username, groups) =
            (variables?, validations?, username?, groups?);
        let mut defined: Vec<&str> = Vec::new();
        let mut check = |place: String, expression: &Written, defined: &[&str]| {
            diagnostics.check_members(
                &format!("{path}.{place}"),
                "vars",
                expression.compiled.reads_of_variables(),
                defined,
                "every token of this issuer would be refused",
            );
        };
        for (index, variable) in variables.iter().enumerate() {
            let place = format!("variables[{index}].expression");
            check(place, &variable.expression, &defined);
            defined.push(&variable.name);
        }
        for (index, validation) in validations.iter().enumerate() {
            let place = format!("validations[{index}].expression");
            check(place, &validation.expression, &defined);
        }
        check("username".to_owned(), &username, &defined);
        if let Some(groups) = &groups {
            check("groups".to_owned(), groups, &defined);
        }
        let mut reads = Members::default();
        let of_variables = variables.iter().map(|variable| &variable.expression);
        let of_validations = validations.iter().map(|validation| &validation.expression);
        for expression in of_variables
            .chain(of_validations)
            .chain([&username])
            .chain(&groups)
        {
            reads.add(expression.compiled.reads());
        }
        Some(Self {
            variables,
            validations,
            username,
            groups,
            reads,
        })
    }

    /// The claims that some expression may read.
    #[must_use]
    pub const fn reads(&self) -> &Members {
        &self.reads
    }

    /// Maps the claims of a verified token to its user, who gets them if they are to be kept.
    ///
    /// # Errors
    /// Any step that fails; the steps after it are not evaluated.
    pub fn map(
        &self,
        claims: &Map<String, Value>,
        keeps: bool,
        recorder: Recorder<'_>,
    ) -> Result<User, MappingError> {
        let steps = MappingSteps { recorder, claims };
        let claims =
            Document::from_some_claims(claims, if keeps { &Members::All } else { &self.reads });
        let mut bindings = Bindings::claims(&claims);
        for variable in &self.variables {
            let failed = |source| MappingError::Variable {
                name: variable.name.clone(),
                source,
            };
            let what = || Evaluated::Variable(variable.name.clone());
            let defined = bindings.define(&variable.name, &variable.expression.compiled);
            steps.value(what, &variable.expression, &defined);
            defined.map_err(failed)?;
        }
        for (index, validation) in self.validations.iter().enumerate() {
            let failed = |source| MappingError::Validation { index, source };
            let result = validation.expression.compiled.evaluate_bool(&bindings);
            steps.validation(index, validation, &result);
            if !result.map_err(failed)? {
                return Err(MappingError::Invalid {
                    index,
                    message: validation.message.clone(),
                });
            }
        }
        let username = self.username.compiled.evaluate_string(&bindings);
        steps.value(|| Evaluated::Username, &self.username, &username);
        let username = username.map_err(MappingError::Username)?;
        if username.is_empty() {
            return Err(MappingError::EmptyUsername);
        }
        let groups = match &self.groups {
            Some(expression) => {
                let groups = expression.compiled.evaluate_strings(&bindings);
                steps.value(|| Evaluated::Groups, expression, &groups);
                groups.map_err(MappingError::Groups)?
            }
            None => Vec::new(),
        };
        let claims = if keeps { claims } else { Document::empty() };
        User::new(username, groups, claims).ok_or(MappingError::EmptyUsername)
    }
}

impl fmt::Debug for ClaimMapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClaimMapping")
            .field("variables", &self.variables.len())
            .field("validations", &self.validations.len())
            .finish_non_exhaustive()
    }
}

fn variables(
    raw: &[raw::Variable],
    path: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Variable>> {
    let mut all = Some(Vec::new());
    for (index, variable) in raw.iter().enumerate() {
        let place = format!("{path}.variables[{index}]");
        if variable.name.is_empty() {
            diagnostics.error(format!("{place}.name"), "a variable needs a name");
            all = None;
        }
        let compiled = expression(
            &variable.expression,
            &format!("{place}.expression"),
            diagnostics,
        );
        all = all.zip(compiled).map(|(mut all, expression)| {
            all.push(Variable {
                name: variable.name.clone(),
                expression,
            });
            all
        });
    }
    all
}

fn validations(
    raw: &[raw::Condition],
    path: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Validation>> {
    let mut all = Some(Vec::new());
    for (index, validation) in raw.iter().enumerate() {
        let place = format!("{path}.validations[{index}]");
        if validation.message.is_empty() {
            diagnostics.error(
                format!("{place}.message"),
                "a validation needs a message that says what is wrong",
            );
            all = None;
        }
        let compiled = expression(
            &validation.expression,
            &format!("{place}.expression"),
            diagnostics,
        );
        let compiled = compiled.filter(|compiled| {
            let is_bool = compiled.compiled.is_bool();
            if !is_bool {
                diagnostics.error(
                    format!("{place}.expression"),
                    "not known to be a bool: compare, as in `claims.x == true`",
                );
            }
            is_bool
        });
        all = all.zip(compiled).map(|(mut all, expression)| {
            all.push(Validation {
                expression,
                message: validation.message.clone(),
            });
            all
        });
    }
    all
}

fn expression(source: &str, path: &str, diagnostics: &mut Diagnostics) -> Option<Written> {
    let compiled = diagnostics.accept(path, Expression::compile(source, Scope::Claims))?;
    if compiled.is_inexact() {
        diagnostics.warn(path, INEXACT);
    }
    Some(Written {
        compiled,
        source: source.into(),
    })
}

#[cfg(test)]
mod tests;
