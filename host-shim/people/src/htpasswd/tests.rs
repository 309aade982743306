use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::hash::{Effort, Hash, Unusable};
use super::pool::Pool;
use super::*;
use crate::cases;
use crate::programs::program;

async fn login(users: &Users, user: &str, password: &str) -> u64 {
    let password = Secret::new(password.as_bytes().to_vec());
    match users.authenticate(user, &password).await.unwrap() {
        Some(person) => {
            assert_eq!(person.user, user);
            assert_eq!(Some(person.sid.as_str()), users.file().sid(user));
            200
        }
        None => 401,
    }
}

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

/// A line of a user with the cheapest hash.
fn line(user: &str, password: &str) -> String {
    let hash = bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap();
    format!("{user}:{hash}\n")
}

#[tokio::test]
async fn rows_of_hashes() {
    let rows = cases::rows("htpasswd");
    // What is said of the lines of a row; nothing of the others.
    let findings = [
        (
            "07",
            "has a hash of an old bcrypt (`$2x$`), which is not supported",
        ),
        (
            "08",
            "has a hash of an old bcrypt (`$2$`), which is not supported",
        ),
        ("10", "has a hash of SHA-1 (`{SHA}`), which"),
        ("11", "has a hash of DES, or a password in the clear, which"),
        ("12", "has a hash of DES, or a password in the clear, which"),
        ("13", "has a hash of MD5 (`$1$`), which"),
        ("22", "has an incomplete or damaged hash of SHA-512-crypt"),
        ("25", "has no hash; nobody logs in with it"),
        ("26", "has no hash; nobody logs in with it"),
        ("27", "has no colon; it is not used"),
        ("28", "has no user name that is UTF-8; it is not used"),
        ("38", "has text after its hash, which is ignored"),
        ("40", "replaces line 1 of the same name"),
        ("41", "replaces line 1 of the same name"),
        ("51", "has an incomplete or damaged hash of bcrypt"),
        ("52", "has text after its hash, which is ignored"),
        ("53", "has an incomplete or damaged hash of bcrypt"),
    ];
    for row in &rows {
        let lines: Vec<&str> = row.input["file"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        let users = Users::new(lines.join("\n").as_bytes());
        let [user, password] = ["user", "password"].map(|name| row.input[name].as_str().unwrap());
        assert_eq!(
            login(&users, user, password).await,
            row.expect["status"].as_u64().unwrap(),
            "{}",
            row.id
        );
        let found = texts(users.file().findings());
        let expected = findings
            .iter()
            .find(|(id, _)| row.id == format!("htpasswd-{id}"));
        match expected {
            None => assert!(found.is_empty(), "{}: {found:?}", row.id),
            Some((_, text)) => assert!(
                found.len() == 1 && found[0].contains(text),
                "{}: {found:?}",
                row.id
            ),
        }
    }
    assert_eq!(rows.len(), 43);
}

#[test]
fn hashes_that_cannot_be_read() {
    let digits = |count| ".".repeat(count);
    let sha = |parameters: &str| format!("$6${parameters}{}", digits(86));
    let damaged = |kind| Err(Unusable::Damaged(kind));
    let rows = [
        (sha("rounds=$s$"), damaged("SHA-512-crypt")),
        (sha("rounds=x$s$"), damaged("SHA-512-crypt")),
        (sha("rounds=+5000$s$"), damaged("SHA-512-crypt")),
        (sha("rounds=5000"), damaged("SHA-512-crypt")),
        (sha("s\u{fc}$"), damaged("SHA-512-crypt")),
        (
            sha("rounds=99999999999999999999$s$"),
            Err(Unusable::Rounds(u64::MAX)),
        ),
        (sha("rounds=5000000$s$"), Ok(Effort::Sha512(5_000_000))),
        (sha("rounds=0$s$"), Ok(Effort::Sha512(1000))),
        (format!("$5$s${}", digits(42)), damaged("SHA-256-crypt")),
        (format!("$2y$+5${}", digits(53)), damaged("bcrypt")),
        (format!("$2y$05.{}", digits(53)), damaged("bcrypt")),
        (format!("$2y$05${}:", digits(52)), damaged("bcrypt")),
        (format!("$2y$15${}", digits(53)), Ok(Effort::Bcrypt(15))),
        ("$3$x".to_owned(), Err(Unusable::Kind("an unknown kind"))),
    ];
    for (text, expected) in rows {
        let read = Hash::parse(text.as_bytes());
        assert_eq!(read.map(|(hash, _)| hash.effort()), expected, "{text}");
    }
}

#[tokio::test]
async fn a_long_salt_is_cut() {
    // As crypt(3) of glibc makes them, with the part of the salt that it leaves out.
    let hashes = [
        "$6$saltstringsaltstring$gy1zxUtw0TfuOti2U7OwY3ShlTzD4Ar6iVSYOvBAloOD19JniMwDuOZ6idrA0g1XfOkmS/Sgla.nfd4eRvxmX0",
        "$5$rounds=1400$anotherlongsaltstring$ui/6un6AYy9uFeKtbJEzz1QbVgbC7XXVxkxiBQryWV9",
    ];
    for hash in hashes {
        let users = Users::new(format!("ann:{hash}").as_bytes());
        assert_eq!(login(&users, "ann", "pw").await, 200, "{hash}");
        assert_eq!(login(&users, "ann", "pW").await, 401, "{hash}");
    }
}

#[tokio::test]
async fn rows_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let read = |path: &Path| fs::read(path).map_err(|error| error.kind().to_string());
    let both = async |users: &Users| [login(users, "a", "pa").await, login(users, "b", "pb").await];
    let mut seen = 0;
    for row in cases::rows("htpasswd-file") {
        fs::write(&path, line("a", "pa")).unwrap();
        let users = Users::new(&read(&path).unwrap());
        assert_eq!(both(&users).await, [200, 401]);
        let ended = users.file().sid("a").unwrap().to_owned();
        match row.id.as_str() {
            "htpasswd-file-01" => {
                fs::write(&path, line("b", "pb")).unwrap();
                let Reload::Taken { ended: ids, .. } = users.reload(read(&path)) else {
                    panic!()
                };
                assert_eq!(ids, [ended]);
                assert_eq!(both(&users).await, [401, 200]);
            }
            "htpasswd-file-02" => {
                fs::remove_file(&path).unwrap();
                let reload = users.reload(read(&path));
                assert_eq!(
                    reload,
                    Reload::Kept {
                        why: "entity not found".to_owned()
                    }
                );
                assert_eq!(both(&users).await, [200, 401]);
            }
            "htpasswd-file-03" => {
                fs::write(&path, "").unwrap();
                let reload = users.reload(read(&path));
                assert_eq!(
                    reload,
                    Reload::Taken {
                        users: 0,
                        findings: vec![],
                        ended: vec![ended]
                    }
                );
                assert_eq!(both(&users).await, [401, 401]);
            }
            "htpasswd-file-05" => {
                let [one, two, data] =
                    ["..1", "..2", "..data"].map(|name| folder.path().join(name));
                fs::create_dir(&one).unwrap();
                fs::create_dir(&two).unwrap();
                fs::write(one.join("users"), line("a", "pa")).unwrap();
                fs::write(two.join("users"), line("b", "pb")).unwrap();
                symlink(&one, &data).unwrap();
                users.reload(read(&data.join("users")));
                assert_eq!(both(&users).await, [200, 401]);
                fs::remove_file(&data).unwrap();
                symlink(&two, &data).unwrap();
                users.reload(read(&data.join("users")));
                assert_eq!(both(&users).await, [401, 200]);
            }
            "htpasswd-file-06" => {
                let text = format!(
                    "{}big:{}\n{}",
                    line("a", "pa"),
                    "x".repeat(70_000),
                    line("b", "pb")
                );
                users.reload(Ok(text.into_bytes()));
                assert_eq!(both(&users).await, [200, 200]);
                assert_eq!(
                    texts(users.file().findings()),
                    ["line 2, user `big`: is longer than 64 KiB; nobody logs in with it"]
                );
            }
            "htpasswd-file-07" => {
                users.reload(Ok(format!("\u{feff}{}", line("b", "pb")).into_bytes()));
                assert_eq!(both(&users).await, [401, 200]);
            }
            "htpasswd-file-08" => {
                users.reload(Ok(line("b", "pb").trim_end().as_bytes().to_vec()));
                assert_eq!(both(&users).await, [401, 200]);
            }
            // At start the file has to be there: config::load().
            "htpasswd-file-10" | "htpasswd-file-11" => {
                let path = folder.path().join(if row.id.ends_with("10") {
                    "missing"
                } else {
                    "."
                });
                let document =
                    serde_json::json!({ "http": { "auth": { "htpasswd": { "path": path } } } });
                let config = crate::config::read(&document).unwrap().unwrap();
                let errors = crate::config::load(&config, &read).unwrap_err();
                assert_eq!(errors[0].path, "http.auth.htpasswd.path");
                assert!(errors[0].message.contains("cannot be read"), "{errors:?}");
            }
            other => panic!("{other} is not tested"),
        }
        seen += 1;
    }
    assert_eq!(seen, 9);
}

#[test]
fn unusable_lines_are_named_and_the_last_line_of_a_name_decides() {
    let good = line("a", "pa");
    let text = format!(
        "# comment\n\n \t\n{good}a:{{SHA}}x\nslow:$2y$16${}\nrounds:$6$rounds=5000001$s${}\napr:$apr1$x$y\n\u{fffd}ok:x\n",
        ".".repeat(53),
        ".".repeat(86)
    );
    let mut bytes = text.into_bytes();
    bytes.extend(b"\xff:x\n");
    let file = UserFile::parse(&bytes);
    assert_eq!(
        texts(file.findings()),
        [
            "line 5, user `a`: has a hash of SHA-1 (`{SHA}`), which is not supported: use bcrypt (`htpasswd -B`); nobody logs in with it",
            "line 5, user `a`: replaces line 4 of the same name",
            "line 6, user `slow`: has a bcrypt hash of cost 16; at most 15 is used; nobody logs in with it",
            "line 7, user `rounds`: has a SHA-crypt hash of 5000001 rounds; at most 5000000 are used; nobody logs in with it",
            "line 8, user `apr`: has a hash of Apache MD5 (`$apr1$`), which is not supported: use bcrypt (`htpasswd -B`); nobody logs in with it",
            "line 9, user `\u{fffd}ok`: has a hash of DES, or a password in the clear, which is not supported: use bcrypt (`htpasswd -B`); nobody logs in with it",
            "line 10: has no user name that is UTF-8; it is not used",
        ]
    );
    assert_eq!(file.usable(), 0);
    assert!(file.names("a") && !file.names("b"));
    assert!(!format!("{:?}", UserFile::parse(good.as_bytes())).contains("$2"));
}

#[test]
fn a_changed_line_ends_its_tokens_and_no_others() {
    let [a, b, other] = [line("a", "pa"), line("b", "pb"), line("a", "other")];
    let earlier = UserFile::parse(format!("{a}{b}").as_bytes());
    let ids = |users: &[&str]| -> Vec<String> {
        users
            .iter()
            .map(|user| earlier.sid(user).unwrap().to_owned())
            .collect()
    };
    let mut all = ids(&["a", "b"]);
    all.sort();
    let rows = [
        (format!("# reordered\n{b}{a}"), vec![]),
        (format!("{other}{b}"), ids(&["a"])),
        (b.clone(), ids(&["a"])),
        (format!("{a}{b}a:gone\n"), ids(&["a"])),
        (String::new(), all),
    ];
    for (text, ended) in rows {
        assert_eq!(
            UserFile::parse(text.as_bytes()).ended_since(&earlier),
            ended,
            "{text}"
        );
    }
    assert!(earlier.sid("a").unwrap().starts_with("h.") && earlier.sid("a").unwrap().len() == 24);
}

#[test]
fn unknown_names_cost_what_most_users_cost() {
    let bcrypt = |cost| format!("$2y${cost:02}${}", ".".repeat(53));
    let sha = |rounds| format!("$6$rounds={rounds}$s${}", ".".repeat(86));
    let rows = [
        (vec![], Effort::Bcrypt(10)),
        (vec![bcrypt(5), bcrypt(5), sha(9000)], Effort::Bcrypt(5)),
        (vec![bcrypt(5), sha(9000), sha(9000)], Effort::Sha512(9000)),
        (vec![bcrypt(5), bcrypt(6)], Effort::Bcrypt(6)),
        (vec![bcrypt(31), bcrypt(5)], Effort::Bcrypt(5)),
        (
            vec![format!("$5$s${}", ".".repeat(43))],
            Effort::Sha256(5000),
        ),
        (vec![sha(10)], Effort::Sha512(1000)),
    ];
    for (hashes, effort) in rows {
        let lines: Vec<_> = hashes
            .iter()
            .enumerate()
            .map(|(index, hash)| format!("u{index}:{hash}"))
            .collect();
        let file = UserFile::parse(lines.join("\n").as_bytes());
        assert_eq!(file.dummy().effort(), effort, "{lines:?}");
    }
    for effort in [
        Effort::Bcrypt(4),
        Effort::Sha256(1000),
        Effort::Sha512(1000),
    ] {
        let dummy = Hash::dummy(effort);
        assert!(!dummy.verify(b""));
        // Its library computes it: an unreadable hash would be refused at once.
        let text = match effort {
            Effort::Bcrypt(_) => format!("$2b$04${}", ".".repeat(53)),
            Effort::Sha256(_) => format!("$5$rounds=1000$nobody${}", ".".repeat(43)),
            Effort::Sha512(_) => format!("$6$rounds=1000$nobody${}", ".".repeat(86)),
        };
        let readable = Hash::parse(text.as_bytes());
        assert_eq!(readable, Ok((dummy, &b""[..])));
    }
}

#[tokio::test]
async fn four_hashes_run_a_hundred_wait_and_more_are_refused() {
    let pool = Arc::new(Pool::new());
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let opened = Arc::new(std::sync::Mutex::new(opened));
    let [running, most] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let start = || {
        let (pool, opened, running, most) = (
            Arc::clone(&pool),
            Arc::clone(&opened),
            Arc::clone(&running),
            Arc::clone(&most),
        );
        tokio::spawn(async move {
            pool.run(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                opened.lock().unwrap().recv().unwrap();
                running.fetch_sub(1, Ordering::SeqCst);
            })
            .await
        })
    };
    let waiting: Vec<_> = (0..MAX_RUNNING + MAX_WAITING).map(|_| start()).collect();
    while running.load(Ordering::SeqCst) < MAX_RUNNING {
        tokio::task::yield_now().await;
    }
    assert_eq!(start().await.unwrap(), Err(Busy));
    for _ in &waiting {
        open.send(()).unwrap();
    }
    for done in waiting {
        assert_eq!(done.await.unwrap(), Ok(()));
    }
    assert_eq!(most.load(Ordering::SeqCst), MAX_RUNNING);
    open.send(()).unwrap();
    assert_eq!(start().await.unwrap(), Ok(()));
}

#[tokio::test]
#[ignore = "needs the program htpasswd"]
async fn files_of_apache_s_htpasswd() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    // (options, status)
    let rows: [(&[&str], u64); 10] = [
        (&["-B"], 200),
        (&["-B", "-C", "4"], 200),
        (&["-2"], 200),
        (&["-5"], 200),
        (&["-2", "-r", "1000"], 200),
        (&["-5", "-r", "12000"], 200),
        (&["-m"], 401),
        (&["-s"], 401),
        (&["-d"], 401),
        (&["-p"], 401),
    ];
    for (index, (options, _)) in rows.iter().enumerate() {
        let output = std::process::Command::new(program("htpasswd"))
            .arg(if index == 0 { "-cb" } else { "-b" })
            .args(*options)
            .arg(&path)
            .args([format!("user{index}"), "pass word".to_owned()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{options:?}: {output:?}");
    }
    let users = Users::new(&fs::read(&path).unwrap());
    for (index, (options, status)) in rows.iter().enumerate() {
        let user = format!("user{index}");
        assert_eq!(
            login(&users, &user, "pass word").await,
            *status,
            "{options:?}"
        );
        assert_eq!(login(&users, &user, "password").await, 401, "{options:?}");
    }
    let found = texts(users.file().findings());
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn a_name_that_nobody_can_log_in_by_is_named() {
    let [longest, long] = [256, 257].map(|length| "x".repeat(length));
    let rows = [
        ("ann", None),
        ("an n", None),
        ("j\u{fc}rgen", None),
        (&longest, None),
        (
            &long,
            Some("line 1: has a user name above 256 bytes; nobody logs in with it"),
        ),
        (
            "a\tb",
            Some(
                "line 1, user `a\\tb`: has a control character (such as a tab) in its user name; nobody logs in with it",
            ),
        ),
        (
            "a\rb",
            Some(
                "line 1, user `a\\rb`: has a control character (such as a tab) in its user name; nobody logs in with it",
            ),
        ),
        (
            "a\0",
            Some(
                "line 1, user `a\\0`: has a control character (such as a tab) in its user name; nobody logs in with it",
            ),
        ),
    ];
    for (name, expected) in rows {
        let file = UserFile::parse(line(name, "pw").as_bytes());
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(texts(file.findings()), expected, "{name:?}");
        assert_eq!(file.usable(), usize::from(expected.is_empty()), "{name:?}");
        assert!(file.names(name), "{name:?}");
    }
}
