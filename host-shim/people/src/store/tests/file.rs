//! The store in one file.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;

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
