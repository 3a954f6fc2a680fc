//! The contract suite on the memory backend, and a check that the suite runs every law it has.

use std::sync::Arc;

use rewards_storage::contract::{Subject, fixtures};
use rewards_storage::memory::MemoryStore;

async fn fresh() -> Subject {
    Subject::new(Arc::new(MemoryStore::new()), fixtures::tenant("contract"))
}

rewards_storage::contract_tests!(memory, fresh());

#[test]
fn every_law_is_listed() {
    let listed = include_str!("../src/contract/suite.rs");
    for (area, source) in [
        ("atomicity", include_str!("../src/contract/atomicity.rs")),
        (
            "idempotency",
            include_str!("../src/contract/idempotency.rs"),
        ),
        ("versions", include_str!("../src/contract/versions.rs")),
        ("entities", include_str!("../src/contract/entities.rs")),
        ("receipts", include_str!("../src/contract/receipts.rs")),
        ("pages", include_str!("../src/contract/pages.rs")),
        ("guards", include_str!("../src/contract/guards.rs")),
        ("ledger", include_str!("../src/contract/ledger.rs")),
        ("lots", include_str!("../src/contract/lots.rs")),
        ("outbox", include_str!("../src/contract/outbox.rs")),
        ("sweeps", include_str!("../src/contract/sweeps.rs")),
        ("books", include_str!("../src/contract/books.rs")),
    ] {
        let mut laws = 0;
        for line in source.lines() {
            let Some(rest) = line.strip_prefix("pub async fn ") else {
                continue;
            };
            let (law, _) = rest.split_once('(').unwrap();
            let found = listed.lines().any(|line| line.trim() == law);
            assert!(found, "`{area}::{law}` is not in the list of the macro");
            laws += 1;
        }
        assert!(laws > 0, "no laws in `{area}`");
    }
}
