//! The contract suite on PostgreSQL, each test in a tenant of its own in the database that `DATABASE_URL` names.
//!
//! Without `DATABASE_URL` the tests say so and pass; with `REWARDS_REQUIRE_POSTGRES=1` they fail instead.
#![expect(clippy::unwrap_used, reason = "functions that tests share")]

use std::sync::Arc;

use rewards_storage::contract::Subject;
use rewards_storage::contract::fixtures::tenant;
use rewards_storage::sql::{SqlOptions, SqlStore};
use uuid::Uuid;

async fn in_a_tenant_of_its_own() -> Option<Subject> {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        let required = std::env::var("REWARDS_REQUIRE_POSTGRES").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "DATABASE_URL is not set, but PostgreSQL is required"
        );
        eprintln!("skipped: DATABASE_URL is not set");
        return None;
    };
    let store = SqlStore::open(&url, SqlOptions::default()).await.unwrap();
    let tenant = tenant(&format!("contract-{}", Uuid::now_v7()));
    Some(Subject::new(Arc::new(store), tenant))
}

rewards_storage::contract_tests!(postgres, in_a_tenant_of_its_own());
