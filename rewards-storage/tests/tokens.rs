//! Offline tokens on every store there is: a token is redeemed or cancelled and never both, and a receipt is paid once, whoever comes at
//! the same time.

use std::sync::Arc;

use rewards_core::money::Money;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::tokens::{
    CancelToken, GetToken, GetTokenKeys, IssueToken, ListRevokedTokens, ReceiptOutcome,
    RedeemToken, SettleReceipts,
};
use rewards_core::secret::KeyPurpose;
use rewards_core::time::Timestamp;
use rewards_core::tokens::{SignedToken, TokenSigner, TokenSpend, TokenState, read_public_key};
use rewards_storage::engine::{KeyRing, RingKey, TenantEngine};
use rewards_storage::store::Backend;

use crate::every_store::{NOON, at, open_with, send, set_up, stores};
use crate::world::{eur, member};

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC", "rules": [],
  "redemptions": { "order": ["cashback"] },
  "tokens": { "issuer": "club", "active": 50, "double_spends": "record", "spends": 32 }
}"#;

const TOKENS: u32 = 8;

async fn open(store: &Arc<dyn Backend>) -> TenantEngine {
    let key = RingKey::new(
        KeyPurpose::Tokens,
        "k1".parse().unwrap(),
        vec![7; 32],
        Timestamp::MIN,
        None,
    );
    let ring = KeyRing::new(vec![key.unwrap()]).unwrap();
    open_with(store, |builder| builder.key_ring(ring)).await
}

fn phone() -> TokenSigner {
    TokenSigner::from_seed(&[2; 32])
}

fn issue(token: &str, is_bound: bool) -> IssueToken {
    IssueToken {
        token: token.parse().unwrap(),
        member: member("ada"),
        program: "club".parse().unwrap(),
        amount: Money::new(1_000, eur()),
        holder_key: is_bound.then(|| hex::encode(phone().public_key())),
        device: None,
        merchant: None,
        lifetime_minutes: None,
    }
}

async fn token(
    engine: &TenantEngine,
    token: &str,
) -> rewards_core::operations::tokens::TokenDetails {
    let token = token.parse().unwrap();
    engine.execute(GetToken { token }).await.unwrap()
}

async fn assert_valid(engine: &TenantEngine, name: &str) {
    let report = engine.verify().await.unwrap();
    assert!(report.is_valid(), "{name}: {:?}", report.problems);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_token_is_redeemed_or_cancelled_and_never_both() {
    for (name, stores, _files) in stores("tokens_redeem").await {
        let engines = [open(&stores[0]).await, open(&stores[1]).await];
        set_up(&engines[0], PROGRAM).await;
        for number in 0..TOKENS {
            let request = issue(&format!("t{number}"), false);
            engines[0].execute(request).await.unwrap();
        }
        let mut tasks = Vec::new();
        for number in 0..TOKENS {
            for copy in 0..4_u32 {
                let engine = engines[usize::try_from(copy % 2).unwrap()].clone();
                tasks.push(tokio::spawn(async move {
                    let token = format!("t{number}").parse().unwrap();
                    let done = if copy < 2 {
                        let order = format!("o{copy}").parse().unwrap();
                        let redeem = RedeemToken {
                            token,
                            order,
                            merchant: None,
                            category: None,
                        };
                        engine.execute(redeem).await.map(|_| ())
                    } else {
                        let cancel = CancelToken {
                            member: member("ada"),
                            token,
                        };
                        let key = format!("cancel {number} {copy}");
                        send(&engine, cancel, &key).await.map(|_| ())
                    };
                    done.map_or_else(|fault| fault.code.into_owned(), |()| "ok".to_owned())
                }));
            }
        }
        let mut done = 0;
        for task in tasks {
            match task.await.unwrap().as_str() {
                "ok" => done += 1,
                other => assert!(
                    ["token_spent", "token_cancelled"].contains(&other),
                    "{other}"
                ),
            }
        }
        assert_eq!(done, TOKENS, "{name}: one for each");
        let mut paid = 0;
        for number in 0..TOKENS {
            let told = token(&engines[1], &format!("t{number}")).await;
            assert!(matches!(
                told.state,
                TokenState::Spent | TokenState::Cancelled
            ));
            paid += told.paid.minor();
        }
        let balance = engines[1]
            .execute(GetBalance::new(member("ada")))
            .await
            .unwrap();
        let left = balance.assets[0].available.minor();
        assert_eq!(left + paid, 10_000, "{name}");
        let list = ListRevokedTokens {
            issuer: "club".parse().unwrap(),
            after: None,
            limit: None,
        };
        let listed = engines[1].execute(list).await.unwrap();
        assert_eq!(listed.tokens.len(), 8, "{name}");
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receipt_is_paid_once_however_many_tell_it() {
    for (name, stores, _files) in stores("tokens_settle").await {
        let engines = [open(&stores[0]).await, open(&stores[1]).await];
        set_up(&engines[0], PROGRAM).await;
        let issued = engines[0].execute(issue("t1", true)).await.unwrap();
        let keys = engines[1]
            .execute(GetTokenKeys { valid_at: None })
            .await
            .unwrap();
        let key = read_public_key(&keys.keys[0].public_key).unwrap();
        let read = SignedToken::parse(&issued.text).unwrap();
        assert_eq!(read.verify(&key), Ok(()), "{name}");
        // Ten payments of 1.00, the first of them twice to different merchants.
        let mut proofs: Vec<String> = Vec::new();
        let mut previous = None;
        for number in 0..10 {
            let spend = TokenSpend {
                token: issued.text.clone(),
                previous: previous.clone(),
                merchant: format!("shop-{number}").parse().unwrap(),
                amount: Money::new(100, eur()),
                reference: None,
                now: at(NOON),
            };
            let proof = |spend: &TokenSpend| {
                let signature = phone().sign(&spend.message().unwrap());
                spend.proof(&signature).unwrap()
            };
            if number == 0 {
                let copy = TokenSpend {
                    merchant: "kiosk".parse().unwrap(),
                    ..spend.clone()
                };
                proofs.push(proof(&copy));
            }
            let proof = proof(&spend);
            proofs.push(proof.clone());
            previous = Some(proof);
        }
        let tasks: Vec<_> = (0..12_usize)
            .map(|number| {
                let engine = engines[number % 2].clone();
                let mut receipts = proofs.clone();
                receipts.rotate_left(number % proofs.len());
                receipts.truncate(5);
                tokio::spawn(async move {
                    let settle = SettleReceipts {
                        merchant: None,
                        receipts,
                    };
                    send(&engine, settle, &format!("settle {number}"))
                        .await
                        .unwrap()
                })
            })
            .collect();
        let mut new = 0;
        for task in tasks {
            let reply = task.await.unwrap().reply;
            let told = reply.receipts.iter();
            let told = told.filter(|one| {
                matches!(
                    one.outcome,
                    ReceiptOutcome::Settled | ReceiptOutcome::DoubleSpend
                )
            });
            new += told.count();
        }
        assert_eq!(new, proofs.len(), "{name}: each is new once");
        let told = token(&engines[1], "t1").await;
        assert_eq!(told.receipts.len(), 11, "{name}");
        assert_eq!(
            (told.paid.minor(), told.double_spends),
            (1_000, vec![1]),
            "{name}"
        );
        assert_eq!(told.overspent, Some(Money::new(100, eur())), "{name}");
        let paid: i64 = told.receipts.iter().map(|one| one.paid.minor()).sum();
        assert_eq!(paid, 1_000, "{name}");
        assert_valid(&engines[0], name).await;
    }
}
