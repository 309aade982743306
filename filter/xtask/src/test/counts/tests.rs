use super::*;

#[test]
fn only_result_lines_are_counted() {
    let rows = [
        (
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.00s",
            (12, 0),
        ),
        (
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
            (3, 1),
        ),
        ("test a_name ... ok", (0, 0)),
        ("12 passed; 1 failed", (0, 0)),
        ("test result: ok. x passed; y failed", (0, 0)),
        ("", (0, 0)),
    ];
    for (line, (passed, failed)) in rows {
        let mut tests = Counts::default();
        tests.read(line);
        assert_eq!(tests, Counts { passed, failed }, "{line}");
    }
}

#[test]
fn a_run_without_a_test_is_a_failure() {
    let mut nothing = Command::new("true");
    assert!(
        Counts::default()
            .run(&mut nothing)
            .unwrap_err()
            .to_string()
            .contains("ran no test")
    );
}
