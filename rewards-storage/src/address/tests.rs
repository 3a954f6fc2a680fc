use std::time::Duration;

use rewards_core::rejection::FaultKind;

use super::*;

/// How a refusal reads: the code and the path of its only problem, and its words.
fn refusal(outcome: Result<Address, Fault>) -> (String, String, String) {
    let fault = outcome.unwrap_err();
    assert_eq!(
        (fault.kind, fault.code.as_ref()),
        (FaultKind::Invalid, "invalid")
    );
    let [problem] = fault.problems.as_slice() else {
        panic!("{fault:?}")
    };
    let (code, path) = (problem.code.as_ref(), problem.path.as_str());
    (code.to_owned(), path.to_owned(), problem.detail.clone())
}

#[test]
fn a_wrong_address_is_refused_before_anything_is_opened() {
    let mut cases = vec![
        ("", "got text without a scheme"),
        ("books.db", "got text without a scheme"),
        ("/data/books.db", "got text without a scheme"),
        ("me@host.example/secret:secret", "got text without a scheme"),
        (":memory:", "got text without a scheme"),
        ("mysql://host/books", "got scheme `mysql`"),
        ("SQLITE:///books.db", "got scheme `SQLITE`"),
        ("https://host/books", "got scheme `https`"),
    ];
    if cfg!(feature = "memory") {
        cases.push(("memory:books", "got more after `memory:`"));
    } else {
        cases.push((
            "memory:",
            "scheme `memory`, which this build was made without",
        ));
    }
    if cfg!(feature = "sqlite") {
        cases.extend([
            ("sqlite:", "path of a file after `sqlite://`, got none"),
            ("sqlite://", "path of a file after `sqlite://`, got none"),
            (
                "sqlite://?mode=ro",
                "path of a file after `sqlite://`, got none",
            ),
            ("sqlite:///a%00b.db", "got one with a NUL"),
            ("sqlite:///a%FFb.db", "utf-8"),
            (
                "sqlite:///a.db?mode=fast",
                "expected `ro`, `rw`, `rwc` or `memory` for `mode`, got another value",
            ),
            (
                "sqlite:///a.db?moed=ro",
                "expected only the parameters `mode`, `cache`, `immutable`, `vfs`, got another",
            ),
            ("sqlite:///a.db?secret", "got another"),
            ("sqlite:///a.db?mode=ro&%73ecret=secret", "got another"),
            (
                "sqlite:///a.db?cache=secret",
                "for `cache`, got another value",
            ),
            (
                "sqlite:///a.db?immutable=secret",
                "for `immutable`, got another value",
            ),
            (
                "sqlite:///a.db?m%6Fde=secret",
                "for `mode`, got another value",
            ),
            (
                "sqlite:file:a.db%3Fmode=secret",
                "path of a file, got `file:`",
            ),
        ]);
    } else {
        cases.push((
            "sqlite:///a.db",
            "scheme `sqlite`, which this build was made without",
        ));
    }
    if cfg!(feature = "postgres") {
        cases.extend([
            ("postgres:books", "got `postgres:` without `//`"),
            ("postgresql:/books", "got `postgresql:` without `//`"),
            ("postgresql://me:secret/1@host/books", "invalid port number"),
            (
                "postgresql://me:secret@host:99999/books",
                "invalid port number",
            ),
            (
                "postgresql://host/books?sslmode=perhaps",
                "`verify-ca` or `verify-full` for `sslmode`, got another value",
            ),
            ("postgresql://host/books?pasword=secret", "got another"),
            ("postgresql://host/books?secret", "got another"),
            ("postgresql://host/books?options[secret=1", "got another"),
            (
                "postgresql://host/books?sslmode=secret",
                "for `sslmode`, got another value",
            ),
            (
                "postgresql://host/books?port=secret",
                "for `port`, got another value",
            ),
            (
                "postgresql://host/books?hostaddr=secret",
                "for `hostaddr`, got another value",
            ),
            (
                "postgresql://host/books?statement-cache-capacity=secret",
                "got another value",
            ),
            ("postgresql://secret:%FF@host/books", "utf-8"),
            (
                "postgresql://host/books?sslcert=secret",
                "expected `sslcert` and `sslkey` together, got one of them",
            ),
            (
                "postgresql://host/books?ssl-key=secret",
                "expected `sslcert` and `sslkey` together, got one of them",
            ),
        ]);
    } else {
        cases.extend([
            (
                "postgresql://host/books",
                "scheme `postgresql`, which this build was made without",
            ),
            (
                "postgres:books",
                "scheme `postgres`, which this build was made without",
            ),
        ]);
    }
    for (url, words) in cases {
        let (code, path, detail) = refusal(Address::parse(url));
        assert_eq!(
            (code.as_str(), path.as_str()),
            ("url_invalid", "url"),
            "{url}"
        );
        assert!(detail.contains(words), "{url}: {detail}");
        assert!(!detail.contains("secret"), "{url}: {detail}");
        if words.starts_with("got") {
            // Whoever got it wrong learns what is right.
            assert!(detail.starts_with("expected "), "{url}: {detail}");
        }
    }
}

#[test]
fn an_address_does_not_show_its_password() {
    let (memory, sqlite) = (cfg!(feature = "memory"), cfg!(feature = "sqlite"));
    let postgres = cfg!(feature = "postgres");
    for (url, is_known) in [
        ("memory:", memory),
        ("sqlite:///secret/books.db", sqlite),
        ("sqlite:secret.db?mode=ro", sqlite),
        ("sqlite::memory:", sqlite),
        ("postgres://me:secret@host/books", postgres),
        (
            "postgresql://me:secret@host:5432/books?sslmode=disable",
            postgres,
        ),
    ] {
        let scheme = url.split(':').next().unwrap();
        match Address::parse(url) {
            Ok(address) => assert_eq!(format!("{address:?}"), format!("Address({scheme:?})")),
            Err(fault) => assert!(
                !is_known && !fault.to_string().contains("secret"),
                "{fault}"
            ),
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::*;

    #[test]
    fn a_path_is_escaped_where_an_address_would_read_it_otherwise() {
        for (path, want) in [
            ("/data/rewards.db", "sqlite:///data/rewards.db"),
            (
                "/Application Support/a.db",
                "sqlite:///Application Support/a.db",
            ),
            ("/50%/who?/#1.db", "sqlite:///50%25/who%3F/%231.db"),
            (
                "/mode=memory/é/ключ.db",
                "sqlite:///mode%3Dmemory/é/ключ.db",
            ),
            ("books.db", "sqlite://./books.db"),
            (":memory:", "sqlite://./%3Amemory%3A"),
            ("file:books.db", "sqlite://./file%3Abooks.db"),
        ] {
            assert_eq!(of_file(path), want);
            assert!(Address::file(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        for (path, words) in [("", "got none"), ("/a\0b", "NUL")] {
            let (code, place, detail) = refusal(Address::file(path));
            assert_eq!((code.as_str(), place.as_str()), ("url_invalid", "path"));
            assert!(detail.contains(words), "{detail}");
        }
    }

    #[tokio::test]
    async fn a_file_is_made_where_its_path_says() {
        let folder = tempfile::tempdir().unwrap();
        let anew = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("made.db").display()
        );
        let anew = Address::parse(&anew)
            .unwrap()
            .open(SqlOptions::default())
            .await;
        anew.unwrap().close().await.unwrap();
        for name in [
            "books.db",
            "50% who?#1 mode=ro é.db",
            ":memory:",
            "file:x?mode=memory",
            "'\"\\",
        ] {
            let file = folder.path().join(name);
            let address = Address::file(file.to_str().unwrap()).unwrap();
            let store = address.open(SqlOptions::default()).await.unwrap();
            assert!(store.backend().health().await.is_ok());
            store.close().await.unwrap();
            assert!(file.is_file(), "{name}");
            assert_eq!(
                std::fs::read(&file).unwrap().get(..6),
                Some(&b"SQLite"[..]),
                "{name}"
            );
        }
    }

    /// The name of memory at the end of a path is the name of a file, and what is escaped means what it says.
    #[tokio::test]
    async fn an_address_means_what_sqlite_takes_it_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
        for (url, makes) in [
            (at("x:memory:"), Some("x:memory:")),
            (at("mode=memory"), Some("mode=memory")),
            (at("a.db?m%6Fde=rwc"), Some("a.db")),
            (at("none.db?mode=%6Demory"), None),
            (at("none.db?mode=memory"), None),
            ("sqlite::memory:".to_owned(), None),
            ("sqlite://%3Amemory%3A".to_owned(), None),
        ] {
            let address = Address::parse(&url).unwrap();
            let store = address.open(SqlOptions::default()).await.unwrap();
            let health = store.backend().health().await;
            assert!(health.is_ok(), "{url}: {health:?}");
            store.close().await.unwrap();
            match makes {
                Some(name) => assert!(folder.path().join(name).is_file(), "{url}"),
                None => assert!(!folder.path().join("none.db").exists(), "{url}"),
            }
        }
        let only_read = Address::parse(&at("missing.db?m%6Fde=ro")).unwrap();
        let refused = only_read.open(SqlOptions::default()).await.unwrap_err();
        assert_eq!(refused.code, "store_refused");
        assert!(!folder.path().join("missing.db").exists());
    }

    /// What cannot be opened, with its code and the words that say what to do.
    #[tokio::test]
    async fn what_cannot_be_opened_says_what_to_look_at() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(
            at("text.db"),
            "no database, but long enough to be seen as none\n".repeat(99),
        )
        .unwrap();
        std::fs::create_dir(at("folder.db")).unwrap();
        let held = Address::file(&at("held.db")).unwrap();
        held.open(SqlOptions::default())
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        let url = format!("sqlite://{}", at("held.db"));
        let other = sqlx::SqlitePool::connect(&url).await.unwrap();
        let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let options = SqlOptions {
            wait: Duration::from_millis(50),
            ..SqlOptions::default()
        };
        for (url, code, words) in [
            (
                format!("sqlite://{}", at("no/such/folder.db")),
                "store_refused",
                "that the folder is there",
            ),
            (
                format!("sqlite://{}", at("folder.db")),
                "store_refused",
                "that the folder is there",
            ),
            (
                format!("sqlite://{}?mode=rw", at("missing.db")),
                "store_refused",
                "check the address",
            ),
            (
                format!("sqlite://{}", at("text.db")),
                "store_corrupt",
                "not a database; check that the address",
            ),
            (
                url,
                "store_unavailable",
                "another process holds the database",
            ),
        ] {
            let fault = Address::parse(&url)
                .unwrap()
                .open(options.clone())
                .await
                .unwrap_err();
            assert_eq!(fault.code, code, "{url}: {fault}");
            assert!(fault.detail.contains(words), "{url}: {fault}");
        }
        lock.rollback().await.unwrap();
    }
}

#[cfg(feature = "memory")]
#[tokio::test]
async fn memory_is_opened_anew_each_time() {
    let store = Address::parse("memory:").unwrap();
    let store = store.open(SqlOptions::default()).await.unwrap();
    assert_eq!(store.backend().health().await.unwrap().backend, "memory");
    store.close().await.unwrap();
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_server_that_is_not_there_says_what_to_look_at() {
    let options = SqlOptions {
        wait: Duration::from_millis(300),
        ..SqlOptions::default()
    };
    let address = Address::parse("postgresql://me:secret@127.0.0.1:1/nothing").unwrap();
    let fault = address.open(options).await.unwrap_err();
    assert_eq!(fault.code, "store_unavailable");
    assert!(
        fault
            .detail
            .ends_with("check that the database runs and that its address is right")
    );
    assert!(!fault.to_string().contains("secret"));
}
