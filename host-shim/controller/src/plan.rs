//! What has to be done for a service account: from what it gets and what is there, without effects.

use crate::account::Spec;
use crate::held::{Held, Life};
use crate::names::SECRET_TYPE;

/// The value of the annotation of a Secret whose account no longer gets one.
pub const CLEARED: &str = "none";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the Secret, empty, and then plan again: its tokens are bound to its unique id.
    Create,
    /// Write new tokens into the Secret.
    Write,
    /// Nothing: the tokens are good.
    Keep(Life),
    /// Remove the tokens from the Secret.
    Clear,
    /// There is nothing, and nothing is wanted.
    Nothing,
    /// A Secret has this name that is not that of this account: it is not touched.
    Foreign(Foreign),
}

/// Why a Secret is not that of an account. Its text is for the owner of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// It lacks the label.
    #[error(
        "a Secret of this name was made by somebody else, and is left as it is: delete or rename it"
    )]
    NotManaged,
    /// It has another owner.
    #[error(
        "a Secret of this name belongs to another object, such as an account of before: it is left until the garbage collector has removed it"
    )]
    OtherOwner,
    /// It is being deleted.
    #[error("the Secret is being deleted")]
    Ending,
    /// It has another type, which cannot be changed.
    #[error("the Secret of this name has another type than {SECRET_TYPE}: delete it")]
    OtherType,
}

/// Returns what has to be done for the account with this unique id.
#[must_use]
pub fn plan(wanted: Option<&Spec>, held: Option<&Held>, account: &str, now: i64) -> Step {
    let Some(held) = held else {
        return wanted.map_or(Step::Nothing, |_| Step::Create);
    };
    let foreign = foreign(held, account);
    let Some(wanted) = wanted else {
        return match foreign {
            None if held.spec.as_deref() != Some(CLEARED) => Step::Clear,
            _ => Step::Nothing,
        };
    };
    if let Some(foreign) = foreign {
        return Step::Foreign(foreign);
    }
    let life = held.good(wanted, now);
    life.map_or(Step::Write, Step::Keep)
}

fn foreign(held: &Held, account: &str) -> Option<Foreign> {
    if !held.is_managed {
        Some(Foreign::NotManaged)
    } else if held.is_ending {
        Some(Foreign::Ending)
    } else if held.owners != [account] {
        Some(Foreign::OtherOwner)
    } else if held.kind.as_deref() != Some(SECRET_TYPE) {
        Some(Foreign::OtherType)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::account::tests::settings;

    const LIFE: Life = Life {
        expires: 200,
        renew: 150,
    };

    fn spec() -> Spec {
        let account = Account {
            opt_in: Some("true".to_owned()),
            ..Account::default()
        };
        account.spec(None, &settings()).unwrap().unwrap()
    }

    /// Returns a Secret of the account `u` that is good, with this change.
    fn held(change: impl FnOnce(&mut Held)) -> Held {
        let mut held = Held {
            uid: "s".to_owned(),
            resource_version: "1".to_owned(),
            is_managed: true,
            owners: vec!["u".to_owned()],
            spec: Some(spec().hash()),
            expires: Some(LIFE.expires),
            renew: Some(LIFE.renew),
            is_ending: false,
            kind: Some(SECRET_TYPE.to_owned()),
            is_intact: true,
        };
        change(&mut held);
        held
    }

    #[test]
    fn what_is_wanted_and_what_is_there_say_what_to_do() {
        let foreign = |why| Step::Foreign(why);
        // What is there, what to do if a Secret is wanted, and what if not.
        let rows = [
            (None, Step::Create, Step::Nothing),
            (Some(held(|_| ())), Step::Keep(LIFE), Step::Clear),
            (
                Some(held(|held| held.spec = Some(CLEARED.to_owned()))),
                Step::Write,
                Step::Nothing,
            ),
            (
                Some(held(|held| held.spec = Some("other".to_owned()))),
                Step::Write,
                Step::Clear,
            ),
            (
                Some(held(|held| held.spec = None)),
                Step::Write,
                Step::Clear,
            ),
            (
                Some(held(|held| held.renew = None)),
                Step::Write,
                Step::Clear,
            ),
            (
                Some(held(|held| held.expires = None)),
                Step::Write,
                Step::Clear,
            ),
            (
                Some(held(|held| held.renew = Some(100))),
                Step::Write,
                Step::Clear,
            ),
            (
                Some(held(|held| held.renew = Some(i64::MAX))),
                Step::Write,
                Step::Clear,
            ),
            // Somebody has changed it, or says that its tokens live long.
            (
                Some(held(|held| held.is_intact = false)),
                Step::Write,
                Step::Clear,
            ),
            (
                Some(held(|held| held.expires = Some(100 + 3_600 + 61))),
                Step::Write,
                Step::Clear,
            ),
            (
                Some(held(|held| held.kind = Some("Opaque".to_owned()))),
                foreign(Foreign::OtherType),
                Step::Nothing,
            ),
            (
                Some(held(|held| held.is_managed = false)),
                foreign(Foreign::NotManaged),
                Step::Nothing,
            ),
            (
                Some(held(|held| held.owners = vec!["v".to_owned()])),
                foreign(Foreign::OtherOwner),
                Step::Nothing,
            ),
            (
                Some(held(|held| held.owners.clear())),
                foreign(Foreign::OtherOwner),
                Step::Nothing,
            ),
            (
                Some(held(|held| held.owners.push("v".to_owned()))),
                foreign(Foreign::OtherOwner),
                Step::Nothing,
            ),
            (
                Some(held(|held| held.is_ending = true)),
                foreign(Foreign::Ending),
                Step::Nothing,
            ),
        ];
        for (there, wanted, unwanted) in rows {
            let there = there.as_ref();
            assert_eq!(plan(Some(&spec()), there, "u", 100), wanted, "{there:?}");
            assert_eq!(plan(None, there, "u", 100), unwanted, "{there:?}");
        }
        let other = Spec {
            lifetime: 600,
            ..spec()
        };
        assert_eq!(
            plan(Some(&other), Some(&held(|_| ())), "u", 100),
            Step::Write
        );
    }
}
