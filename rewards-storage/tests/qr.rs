//! Codes on every store there is: of many who scan one at once, one does; of one for many scans none is lost; and of a scan and a
//! cancellation one wins.

use rewards_core::operations::qr::{CancelQr, CreateQr, GetQr, ListQrs, QrContent, ScanQr};
use rewards_core::qr::{QrScans, QrState};
use rewards_storage::engine::TenantEngine;

use crate::every_store::{code, join, open, race, send, stores};
use crate::world::member;

const PROGRAM: &str = r#"{ "id": "club", "currency": "EUR", "zone": "UTC" }"#;

/// Two engines, as of two processes, on every store there is, with a program and a member.
async fn worlds(test: &str) -> Vec<(&'static str, [TenantEngine; 2], Option<tempfile::TempDir>)> {
    let mut worlds = Vec::new();
    for (name, [one, two], files) in stores(test).await {
        let engines = [open(&one).await, open(&two).await];
        join(&engines[0], PROGRAM).await;
        worlds.push((name, engines, files));
    }
    worlds
}

fn create(qr: &str, scans: QrScans) -> CreateQr {
    CreateQr {
        qr: qr.parse().unwrap(),
        program: "club".parse().unwrap(),
        kind: "link".parse().unwrap(),
        content: QrContent::Text(qr.to_owned()),
        member: Some(member("ada")),
        scans: Some(scans),
        expiry: None,
    }
}

fn scan(qr: &str) -> ScanQr {
    ScanQr {
        qr: qr.parse().unwrap(),
        by: None,
    }
}

fn get(qr: &str) -> GetQr {
    GetQr {
        qr: qr.parse().unwrap(),
        member: None,
    }
}

async fn assert_valid(engine: &TenantEngine, name: &str) {
    let report = engine.verify().await.unwrap();
    assert!(report.is_valid(), "{name}: {:?}", report.problems);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_scan_a_code_one_does() {
    for (name, engines, _files) in worlds("qr_once").await {
        let created = create("q1", QrScans::Once);
        engines[0].execute(created).await.unwrap();
        let raced = race(&engines, |_| scan("q1")).await;
        assert_eq!(raced, (1, vec!["qr_scanned".to_owned()]), "{name}");
        let found = engines[1].execute(get("q1")).await.unwrap();
        assert_eq!(
            (found.state, found.scanned),
            (QrState::Scanned, 1),
            "{name}"
        );
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_scan_of_a_code_for_many_is_lost() {
    for (name, engines, _files) in worlds("qr_many").await {
        let created = create("q1", QrScans::Many);
        engines[0].execute(created).await.unwrap();
        let (done, others) = race(&engines, |_| scan("q1")).await;
        // Whoever lost the race too often is told so, and counted nothing.
        assert!(
            others.iter().all(|code| code == "contention"),
            "{name}: {others:?}"
        );
        let found = engines[1].execute(get("q1")).await.unwrap();
        assert_eq!(found.state, QrState::Active, "{name}");
        assert_eq!(usize::try_from(found.scanned).unwrap(), done, "{name}");
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_is_created_once_and_scanned_or_cancelled() {
    for (name, engines, _files) in worlds("qr_created").await {
        // Under a key of its own each, the id alone tells that it is the same code: what it shows differs.
        let created = race(&engines, |number| {
            let content = QrContent::Text(number.to_string());
            let qr = create("q1", QrScans::Once);
            CreateQr { content, ..qr }
        });
        let (done, others) = created.await;
        assert_eq!(done, 1, "{name}: {others:?}");
        let cancel = CancelQr {
            qr: "q1".parse().unwrap(),
        };
        let (scanned, cancelled) = tokio::join!(
            send(&engines[0], scan("q1"), "scan"),
            send(&engines[1], cancel, "cancel"),
        );
        let state = engines[0].execute(get("q1")).await.unwrap().state;
        let told = (code(scanned), code(cancelled));
        match state {
            QrState::Scanned => assert_eq!(told, ("done".into(), "qr_scanned".into()), "{name}"),
            _ => assert_eq!(told, ("qr_cancelled".into(), "done".into()), "{name}"),
        }
        let list = ListQrs {
            member: Some(member("ada")),
            ..ListQrs::default()
        };
        let list = engines[1].execute(list).await.unwrap();
        assert_eq!(list.qrs.len(), 1, "{name}");
        assert_valid(&engines[0], name).await;
    }
}
