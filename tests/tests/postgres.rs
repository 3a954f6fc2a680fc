//! The PostgreSQL server that other tests stand on: it starts, survives a crash, and leaves nothing behind.

use std::error::Error;

use rewards_tests::postgres::{Cluster, PostgresError, Shutdown, shared_cluster};

#[test]
fn a_private_cluster_keeps_commits_over_restarts_and_leaves_nothing() -> Result<(), Box<dyn Error>>
{
    let cluster = Cluster::start_private()?;
    let folder = cluster
        .folder()
        .ok_or("a private cluster has a folder")?
        .to_owned();

    let first = cluster.create_database("first")?;
    cluster.create_database("second")?;
    assert_eq!(first, cluster.url("first"));
    assert!(
        first.starts_with("postgres://postgres@127.0.0.1:"),
        "{first}"
    );
    assert_eq!(cluster.execute("first", "show fsync")?, "on");

    cluster.execute(
        "first",
        "create table kept (n bigint); insert into kept values (1)",
    )?;
    for (shutdown, n) in [(Shutdown::Immediate, 2), (Shutdown::Fast, 3)] {
        cluster.restart(shutdown)?;
        cluster.execute("first", &format!("insert into kept values ({n})"))?;
    }
    assert_eq!(
        cluster.execute("first", "select n from kept order by n")?,
        "1\n2\n3"
    );
    assert_eq!(
        cluster.execute("second", "select to_regclass('kept') is null")?,
        "t"
    );

    assert!(folder.exists());
    drop(cluster);
    assert!(!folder.exists(), "{} is still there", folder.display());
    Ok(())
}

#[test]
fn the_shared_cluster_gives_each_test_a_database_of_its_own() -> Result<(), Box<dyn Error>> {
    let cluster = shared_cluster()?;
    assert_ne!(cluster.database()?, cluster.database()?);
    for name in ["", "Upper", "a-b", "a b", "x'; drop", &"x".repeat(64)] {
        let refused = cluster.create_database(name);
        assert!(
            matches!(refused, Err(PostgresError::Name { .. })),
            "{name}: {refused:?}"
        );
    }
    Ok(())
}

#[test]
fn a_failing_statement_is_an_error_with_its_message() -> Result<(), Box<dyn Error>> {
    let cluster = shared_cluster()?;
    match cluster.execute("postgres", "select no_such_column") {
        Err(PostgresError::Failed { output, .. }) => {
            assert!(output.contains("no_such_column"), "{output}");
            Ok(())
        }
        other => Err(format!("expected a failure, got {other:?}").into()),
    }
}
