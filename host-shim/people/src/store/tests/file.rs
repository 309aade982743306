//! The store in one file.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

#[tokio::test]
async fn a_file_keeps_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(&folder.path().join("store")).unwrap();
    keeps_what_it_is_given(&store).await;
}

#[tokio::test]
async fn a_file_is_private_and_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Embedded::open(&path).unwrap();
    store.put_key(key("ann", 1)).await.unwrap();
    assert!(matches!(
        Embedded::open(&path),
        Err(OpenError::InUse { .. })
    ));
    drop(store);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let store = Embedded::open(&path).unwrap();
    assert_eq!(store.keys(None).await.unwrap(), [key("ann", 1)]);
}

#[tokio::test]
async fn a_file_that_a_crash_leaves_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Embedded::open(&path).unwrap();
    store.put_key(key("ann", 1)).await.unwrap();
    // As it is on disk while the process still runs.
    let copy = folder.path().join("copy");
    fs::copy(&path, &copy).unwrap();
    let copy = Embedded::open(&copy).unwrap();
    assert_eq!(copy.keys(None).await.unwrap(), [key("ann", 1)]);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Embedded::open(&path)
        .unwrap()
        .put_key(key("ann", 1))
        .await
        .unwrap();
    let good = fs::read(&path).unwrap();
    let overwritten = |from: u64, length: usize| {
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(&good).unwrap();
        file.seek(SeekFrom::Start(from)).unwrap();
        file.write_all(&vec![0xa5; length]).unwrap();
    };
    let rows: [(&str, &dyn Fn()); 5] = [
        ("empty", &|| fs::write(&path, b"").unwrap()),
        ("text", &|| fs::write(&path, "ann:secret\n").unwrap()),
        ("its head is overwritten", &|| overwritten(0, 512)),
        ("cut", &|| fs::write(&path, &good[..4096]).unwrap()),
        ("another database", &|| {
            fs::remove_file(&path).unwrap();
            drop(redb::Database::create(&path).unwrap());
        }),
    ];
    for (name, damage) in rows {
        damage();
        let before = fs::read(&path).unwrap();
        let error = Embedded::open(&path).err();
        let is_damaged = matches!(error, Some(OpenError::Damaged { .. }));
        assert!(is_damaged, "{name}: {error:?}");
        assert!(fs::read(&path).unwrap().len() >= before.len(), "{name}");
    }
}

#[tokio::test]
async fn a_file_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(Embedded::open(&path).unwrap());
    let database = redb::Database::open(&path).unwrap();
    let write = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("registry-auth");
    write.open_table(meta).unwrap().insert("schema", 2).unwrap();
    write.commit().unwrap();
    drop(database);
    let error = Embedded::open(&path).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "the store `{}` has version 2, this release reads version 1",
            path.display()
        )
    );
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = Embedded::open(&folder.path().join("missing/store")).err();
    assert!(matches!(error, Some(OpenError::File { .. })), "{error:?}");
}

/// What happens to a file.
type Damage = fn(&Path);

/// Whatever happens to the file meanwhile: what has ended stays ended, what was taken once stays
/// taken, and nobody gets a key that was not made.
#[tokio::test]
async fn a_file_that_is_deleted_or_cut_while_it_is_used_lets_nobody_in() {
    let at = UnixTime::from_secs;
    let rows: [(&str, Damage); 4] = [
        ("deleted", |path| fs::remove_file(path).unwrap()),
        ("cut to nothing", |path| fs::write(path, b"").unwrap()),
        ("cut to its head", |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_len(4096).unwrap();
        }),
        ("overwritten", |path| {
            let mut file = fs::File::options().write(true).open(path).unwrap();
            let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
            file.write_all(&vec![0xa5; length]).unwrap();
        }),
    ];
    for (name, damage) in rows {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = Embedded::open(&path).unwrap();
        let own = key("ann", 1);
        store.put_key(own.clone()).await.unwrap();
        store.end(&["s.1".to_owned()], at(200)).await.unwrap();
        assert_eq!(store.take_once("state", at(200), at(100)).await, Ok(true));
        damage(&path);
        for _ in 0..2 {
            let found = store.key("another hash").await;
            assert!(!matches!(found, Ok(Some(_))), "{name}: {found:?}");
            let taken = store.take_once("state", at(200), at(100)).await;
            assert_ne!(taken, Ok(true), "{name}");
            let ended = store.ended(at(100)).await;
            let is_known = |ended: EndedRecord| ended.ids.iter().any(|(id, _)| id == "s.1");
            assert!(ended.is_err() || ended.is_ok_and(is_known), "{name}");
            // It may fail, and what it says may be forgotten; it must not end the process.
            drop(store.put_key(key("ben", 2)).await);
            drop(store.delete_key(&own.hash).await);
        }
    }
}
