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
            ("sqlite:", "`sqlite::memory:`, got no three slashes"),
            ("sqlite:/data/books.db", "got no three slashes"),
            ("sqlite:books.db", "got no three slashes"),
            (
                "sqlite://books.db",
                "expected `sqlite:///relative/file.db`, `sqlite:////absolute/file.db` or `sqlite::memory:`, got two slashes",
            ),
            ("sqlite://me:secret@host/books.db", "got two slashes"),
            ("sqlite://./books.db?mode=ro", "got two slashes"),
            ("sqlite://?mode=ro", "path of a file with `mode`, got none"),
            (
                "sqlite:///:memory:?mode=rw",
                "path of a file with `mode`, got none",
            ),
            ("sqlite+:///a.db", "got scheme `sqlite+`"),
            (
                "sqlite+pysqlcipher:///a.db",
                "got scheme `sqlite+pysqlcipher`",
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
            (
                "postgresql+asyncpg:books",
                "got `postgresql+asyncpg:` without `//`",
            ),
            (
                "postgresql+odbc://host/books",
                "got scheme `postgresql+odbc`",
            ),
            (
                "postgresql://host/books?ssl=secret",
                "for `ssl`, got another",
            ),
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
        ("sqlite+aiosqlite:////secret.db?mode=ro", sqlite),
        ("sqlite::memory:", sqlite),
        ("sqlite://", sqlite),
        ("postgresql+psycopg_async://me:secret@host/books", postgres),
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
    fn a_path_that_is_none_is_refused() {
        for (path, words) in [("", "got none"), ("/a\0b", "NUL")] {
            let (code, place, detail) = refusal(Address::file(path));
            assert_eq!((code.as_str(), place.as_str()), ("url_invalid", "path"));
            assert!(detail.contains(words), "{detail}");
        }
    }

    /// Opens what an address names, and lets go of it.
    async fn open(address: Result<Address, Fault>) -> Result<(), Fault> {
        let store = address?.open(SqlOptions::default()).await?;
        store.backend().health().await?;
        store.close().await
    }

    #[tokio::test]
    async fn a_file_is_made_where_its_path_says() {
        let folder = tempfile::tempdir().unwrap();
        let anew = folder.path().join("made.db");
        open(Address::parse(&format!(
            "sqlite:///{}?mode=rwc",
            anew.display()
        )))
        .await
        .unwrap();
        assert!(anew.is_file());
        for name in [
            "books.db",
            "50% who?#1 mode=ro é.db",
            ":memory:",
            "file:x?mode=memory",
            "sqlite:a.db",
            "'\"\\",
        ] {
            let file = folder.path().join(name);
            open(Address::file(&file)).await.unwrap();
            assert!(file.is_file(), "{name}");
            assert_eq!(
                std::fs::read(&file).unwrap().get(..6),
                Some(&b"SQLite"[..]),
                "{name}"
            );
        }
    }

    /// A file is where SQLAlchemy looks for it; the name of memory at the end of a path is the name of a file, and what is
    /// escaped means what it says.
    #[tokio::test]
    async fn an_address_means_what_it_means_to_sqlalchemy() {
        let folder = tempfile::tempdir().unwrap();
        let absolute = folder.path().to_str().unwrap();
        // The working directory belongs to all tests of this program, so that a path relative to it climbs out of it first.
        let here = std::env::current_dir().unwrap();
        let up: String = here.components().skip(1).map(|_| "../").collect();
        let relative = format!("{up}{}", absolute.trim_start_matches('/'));
        for (number, (scheme, place, query)) in [
            ("sqlite", absolute, ""),
            ("sqlite+pysqlite", absolute, "?mode=rwc"),
            ("sqlite+aiosqlite", relative.as_str(), ""),
            ("sqlite", relative.as_str(), "?m%6Fde=rwc"),
        ]
        .into_iter()
        .enumerate()
        {
            for name in ["books.db", "x:memory:", "mode=memory", "%66ile%3Ax%3F"] {
                let url = format!("{scheme}:///{place}/{number}{name}{query}");
                open(Address::parse(&url)).await.unwrap();
                let name = name.replace("%66ile%3Ax%3F", "file:x?");
                let file = folder.path().join(format!("{number}{name}"));
                assert!(file.is_file(), "{url}");
            }
        }
        for url in [
            "sqlite::memory:".to_owned(),
            "sqlite://".to_owned(),
            "sqlite:///".to_owned(),
            "sqlite:///:memory:".to_owned(),
            "sqlite+aiosqlite://".to_owned(),
            format!("sqlite:///{absolute}/none.db?mode=%6Demory"),
            format!("sqlite:///{absolute}/none.db?mode=memory"),
        ] {
            open(Address::parse(&url)).await.unwrap();
            assert!(!folder.path().join("none.db").exists(), "{url}");
        }
        let missing = format!("sqlite:///{absolute}/missing.db?m%6Fde=ro");
        let refused = open(Address::parse(&missing)).await.unwrap_err();
        assert_eq!(refused.code, "store_refused");
        assert!(!folder.path().join("missing.db").exists());
    }

    /// Three slashes began an absolute path once. Where that one is there, no other file is made in its stead.
    #[tokio::test]
    async fn an_address_that_meant_another_file_makes_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("books.db");
        let url = format!("sqlite://{}", file.display());
        let before = open(Address::parse(&url)).await.unwrap_err();
        assert_eq!(before.code, "folder_missing");
        open(Address::file(&file)).await.unwrap();
        let (code, path, detail) = {
            let fault = open(Address::parse(&url)).await.unwrap_err();
            let [problem] = fault.problems.as_slice() else {
                panic!("{fault:?}")
            };
            let (code, path) = (problem.code.to_string(), problem.path.to_string());
            (code, path, problem.detail.clone())
        };
        assert_eq!((code.as_str(), path.as_str()), ("url_invalid", "url"));
        assert!(detail.contains("write four slashes"), "{detail}");
        let direct = SqlStore::open(&url, SqlOptions::default()).await;
        let direct = direct.unwrap_err().to_string();
        assert!(direct.contains("write four slashes"), "{direct}");
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
        let held = Address::file(at("held.db")).unwrap();
        let held = held.open(SqlOptions::default()).await.unwrap();
        let url = format!("sqlite:///{}", at("held.db"));
        let other = sqlx::SqlitePool::connect(&url).await.unwrap();
        let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let options = SqlOptions {
            wait: Duration::from_millis(50),
            ..SqlOptions::default()
        };
        for (url, code, words) in [
            (
                format!("sqlite:///{}", at("no/such/folder.db")),
                "folder_missing",
                "make it; a relative path begins at the working directory",
            ),
            (
                format!("sqlite:///{}", at("folder.db")),
                "invalid",
                "got that of a folder",
            ),
            (
                format!("sqlite:///{}?mode=rw", at("missing.db")),
                "store_refused",
                "check the address",
            ),
            (
                format!("sqlite:///{}", at("text.db")),
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
        held.close().await.unwrap();
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
