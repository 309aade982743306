//! Every configuration of zot's documents, as it is.

use registry_auth_engine::config::Diagnostics;
use registry_auth_engine::{Role, compile, decode};
use registry_auth_render::envoy::{self, Place};

use crate::sample::{checking, documents, with, yaml};

/// How the name of a document ends that needs logins of people.
const PEOPLE: &str = "(issue on people)";

#[test]
fn a_configuration_of_zots_documents_completes_and_compiles_without_an_edit() {
    let (mut completed, mut refused) = (0, 0);
    for (name, document) in documents() {
        if name.ends_with(PEOPLE) {
            let errors = with(&document, &checking()).unwrap_err();
            let section = |error: &registry_auth_render::ConfigError| {
                error.path.starts_with("http.auth.")
                    && error.message.starts_with("is not supported")
            };
            assert!(errors.iter().any(section), "{name}: {errors:#?}");
            refused += 1;
            continue;
        }
        let result = with(&document, &checking());
        let result = result.unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        // As the filter reads it.
        let (role, mut found) = decode(result.filter_text().as_bytes());
        assert_eq!(found, Diagnostics::default(), "{name}");
        let Role::Filter(document) = role else {
            panic!("{name}");
        };
        assert!(
            compile(&document, &mut found).is_some(),
            "{name}: {found:#?}"
        );
        let (role, _) = result
            .intake
            .as_ref()
            .map_or((Role::Unreadable, found), |intake| {
                decode(intake.to_string().as_bytes())
            });
        assert_eq!(
            matches!(role, Role::Intake(_)),
            result.intake.is_some(),
            "{name}"
        );
        completed += 1;
    }
    assert_eq!((completed, refused), (14, 2));
}

#[test]
fn what_is_written_is_yaml_and_the_same_every_time() {
    for (name, document) in documents() {
        let Ok(completed) = with(&document, &checking()) else {
            continue;
        };
        let place = Place::default();
        let text = envoy::bootstrap(&completed, &place);
        assert_eq!(text, envoy::bootstrap(&completed, &place), "{name}");
        let read = yaml(&text);
        let chain = &read["static_resources"]["listeners"][0]["filter_chains"][0];
        let filters = &chain["filters"][0]["typed_config"]["http_filters"];
        let policy = &filters[0]["typed_config"]["config"]["configuration"]["value"];
        assert_eq!(policy, &completed.filter_text(), "{name}");
        let files = envoy::directory(&completed, &place);
        assert_eq!(files, envoy::directory(&completed, &place), "{name}");
        for (file, text) in &files {
            yaml(text);
            let ranked = envoy::ORDER
                .iter()
                .filter(|first| file.starts_with(**first))
                .count();
            assert_eq!(
                ranked,
                usize::from(file != envoy::BOOTSTRAP),
                "{name}: {file}"
            );
        }
    }
}
