//! The time that a caller gives, and the engine's own clock.

use std::sync::Arc;
use std::time::Duration;

use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{Clock, CommandOptions, ManualClock, NOW_AHEAD_MAX, TenantEngine};

use crate::support::{Earn, Look, Scripted, keyed, member, tenant};

fn noon() -> Timestamp {
    Timestamp::parse("2026-05-01T12:00:00Z").unwrap()
}

fn after(ahead: Duration) -> Timestamp {
    let micros = i64::try_from(ahead.as_micros()).unwrap();
    noon().checked_add_micros(micros).unwrap()
}

/// An engine at noon, told or not told how far ahead a caller's time may be.
async fn engine(ahead: Option<Duration>) -> (Arc<Scripted>, TenantEngine) {
    let store = Scripted::new();
    let mut builder = store.builder().clock(Arc::new(ManualClock::new(noon())));
    if let Some(ahead) = ahead {
        builder = builder.now_ahead_max(ahead);
    }
    let engine = builder.open().await.unwrap();
    (store, engine.tenant(tenant()))
}

fn check(found: Result<(), Fault>, is_fine: bool, what: &str) {
    match found {
        Ok(()) => assert!(is_fine, "{what}"),
        Err(fault) => {
            assert!(!is_fine, "{what}: {fault}");
            assert_eq!((&*fault.code, fault.http_status()), ("invalid", 422));
            let problems: Vec<_> = fault
                .problems
                .iter()
                .map(|p| (&*p.code, &*p.path))
                .collect();
            assert_eq!(problems, [("now_ahead", "now")], "{what}");
        }
    }
}

#[tokio::test]
async fn a_time_that_lies_too_far_ahead_is_refused_unless_the_engine_allows_it() {
    let micro = Duration::from_micros(1);
    let hour = Duration::from_secs(3_600);
    for (allowed, ahead, is_fine) in [
        (None, NOW_AHEAD_MAX, true),
        (None, NOW_AHEAD_MAX + micro, false),
        (Some(Duration::ZERO), Duration::ZERO, true),
        (Some(Duration::ZERO), micro, false),
        (Some(hour), hour, true),
        (Some(hour), hour + micro, false),
        (Some(Duration::MAX), hour * 24 * 365 * 100, true),
    ] {
        let (store, tenant) = engine(allowed).await;
        let now = Some(after(ahead));
        let options = |key: u64| CommandOptions { now, ..keyed(key) };
        let earn = || Earn::new(member("a"), 1);
        let look = Look {
            member: member("a"),
            program: None,
        };
        let what = format!("{allowed:?} {ahead:?}");
        let recorded = tenant.execute_with(earn(), options(1)).await.map(|_| ());
        check(recorded, is_fine, &what);
        let asked = CommandOptions { now, key: None };
        let looked = tenant.execute_with(look, asked).await.map(|_| ());
        if is_fine {
            looked.unwrap();
        } else {
            check(looked, false, &what);
        }
        let mut run = tenant.ordered_run();
        let pushed = run
            .push(earn(), options(2))
            .await
            .receipt()
            .await
            .map(|_| ());
        check(pushed, is_fine, &what);
        check(run.settle_due(now).await.map(|_| ()), is_fine, &what);
        assert_eq!(
            store.sizes().is_empty(),
            !is_fine,
            "nothing was written: {what}"
        );
    }
}

#[tokio::test]
async fn times_that_have_passed_are_always_taken() {
    let (_, tenant) = engine(Some(Duration::ZERO)).await;
    let past = Timestamp::parse("1999-01-01T00:00:00Z").unwrap();
    let options = CommandOptions {
        now: Some(past),
        ..keyed(1)
    };
    let earn = Earn::new(member("a"), 1);
    assert!(tenant.execute_with(earn, options).await.is_ok());
}

/// A clock that nobody may ask.
#[derive(Debug)]
struct Broken;

impl Clock for Broken {
    fn now(&self) -> Timestamp {
        panic!("the clock was asked")
    }
}

#[tokio::test]
async fn the_clock_is_not_asked_where_any_time_may_be_given() {
    let store = Scripted::new();
    let builder = store.builder().clock(Arc::new(Broken));
    let engine = builder.now_ahead_max(Duration::MAX).open().await.unwrap();
    let now = Some(noon());
    let options = CommandOptions { now, ..keyed(1) };
    let earn = Earn::new(member("a"), 1);
    let tenant = engine.tenant(tenant());
    tenant.execute_with(earn, options).await.unwrap();
}
