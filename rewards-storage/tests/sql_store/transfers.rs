//! Transfers between members on every store: what several callers send at once is sent once, and no value comes of it.

use rewards_core::money::{Asset, Money};
use rewards_core::operations::aliases::{LinkAlias, UnlinkAlias};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::transfers::{
    AliasName, ListTransfers, TransferBalance, TransferReceiver,
};
use rewards_core::program::Program;
use rewards_core::secret::Secret;

use super::engines::{Engines, keyed, of_every_store};
use crate::world::{at, member};

const MEMBERS: [&str; 3] = ["ann", "bob", "eve"];

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC",
  "transfers": [{"id": "cash", "per_month": "900", "fee": {"percent": "10%", "paid_by": "receiver"}}]
}"#;

/// Every store, with a program, three members, and 100.00 for each.
pub(super) async fn clubs(test: &str) -> Vec<Engines> {
    let clubs = of_every_store(test).await;
    for club in &clubs {
        club.fill().await;
    }
    clubs
}

pub(super) fn eur(text: &str) -> Money {
    Money::parse(text, Asset::parse("EUR").unwrap()).unwrap()
}

pub(super) fn transfer(id: &str, from: &str, to: &str, amount: &str) -> TransferBalance {
    TransferBalance {
        transfer: id.parse().unwrap(),
        program: "club".parse().unwrap(),
        from: member(from),
        to: TransferReceiver::Member(member(to)),
        amount: eur(amount),
        note: Some("for lunch".to_owned()),
    }
}

impl Engines {
    async fn fill(&self) {
        let [one, _] = &self.engines;
        let program: Program = serde_json::from_str(PROGRAM).unwrap();
        let publish = PublishProgram {
            program,
            active_from: Some(at(-60)),
        };
        one.execute_with(publish, keyed("club")).await.unwrap();
        for who in MEMBERS {
            let register = RegisterMember::new(member(who));
            one.execute(register).await.unwrap();
            let grant = GrantReward {
                source: None,
                reference: None,
                member: member(who),
                amount: eur("100.00"),
                reason: "a start".to_owned(),
                expires_at: None,
            };
            one.execute_with(grant, keyed(who)).await.unwrap();
        }
    }

    /// The books are right, and of what was given nothing is gone but the fees.
    pub async fn check(&self, fees: i64) {
        self.assert_valid().await;
        let mut sum = fees;
        for who in MEMBERS {
            sum += self.balance(who).await;
        }
        assert_eq!(sum, 30_000, "{}", self.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_send_the_whole_balance_one_does() {
    for club in clubs("transfers_whole").await {
        let all = (0..8).map(|n| {
            let to = if n % 2 == 0 { "bob" } else { "eve" };
            transfer(&format!("t{n}"), "ann", to, "100.00")
        });
        let ended = club.all_at_once(all).await;
        let sent = ended.iter().filter(|one| one.is_ok()).count();
        assert_eq!(sent, 1, "{}", club.name);
        for refused in ended.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code, "insufficient_balance", "{}", club.name);
        }
        assert_eq!(club.balance("ann").await, 0);
        club.check(1_000).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_who_send_to_each_other_at_once_do_not_block_each_other() {
    for club in clubs("transfers_crossed").await {
        let all = (0..48).map(|n| {
            let [from, to] = match n % 6 {
                0 => ["ann", "bob"],
                1 => ["bob", "ann"],
                2 => ["bob", "eve"],
                3 => ["eve", "bob"],
                4 => ["eve", "ann"],
                _ => ["ann", "eve"],
            };
            transfer(&format!("t{n}"), from, to, "1.00")
        });
        let ended = club.all_at_once(all).await;
        for one in ended {
            assert_eq!(one.unwrap().arrived, eur("0.90"), "{}", club.name);
        }
        for who in MEMBERS {
            // Sixteen were sent and sixteen got, each less the fee.
            assert_eq!(club.balance(who).await, 10_000 - 16 * 10, "{}", club.name);
        }
        club.check(48 * 10).await;
        let list = ListTransfers {
            member: Some(member("bob")),
            ..ListTransfers::default()
        };
        let [one, _] = &club.engines;
        assert_eq!(one.execute(list).await.unwrap().transfers.len(), 32);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_transfer_many_times_at_once_is_one() {
    for club in clubs("transfers_same").await {
        let all = (0..8).map(|_| transfer("t", "ann", "bob", "10.00"));
        let ended = club.all_at_once(all).await;
        let replies: Vec<_> = ended.into_iter().map(Result::unwrap).collect();
        assert!(replies.iter().all(|reply| *reply == replies[0]));
        assert_eq!(club.balance("bob").await, 10_900, "{}", club.name);
        let [_, two] = &club.engines;
        let other = transfer("t", "ann", "bob", "11.00");
        let refused = two.execute(other.clone()).await.unwrap_err();
        assert_eq!(refused.code, "key_reused");
        let refused = two.execute_with(other, keyed("other")).await.unwrap_err();
        assert_eq!(refused.code, "transfer_exists");
        club.check(100).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alias_is_whose_it_is_when_the_transfer_is_done() {
    for club in clubs("transfers_alias").await {
        let (kind, name) = ("phone".parse().unwrap(), Secret::from("+49"));
        let link = |who: &str| LinkAlias {
            member: member(who),
            kind: "phone".parse().unwrap(),
            name: Secret::from("+49"),
            plain: true,
        };
        let [one, two] = &club.engines;
        one.execute_with(link("bob"), keyed("l1")).await.unwrap();
        let unlink = UnlinkAlias {
            kind: "phone".parse().unwrap(),
            name: Secret::from("+49"),
            plain: true,
            member: None,
        };
        let alias = AliasName {
            kind,
            name,
            plain: true,
        };
        let all = (0..12).map(|n| TransferBalance {
            to: TransferReceiver::Alias(alias.clone()),
            ..transfer(&format!("t{n}"), "ann", "bob", "1.00")
        });
        let moved = async {
            two.execute_with(unlink, keyed("u1")).await.unwrap();
            two.execute_with(link("eve"), keyed("l2")).await.unwrap();
        };
        let (ended, ()) = tokio::join!(club.all_at_once(all), moved);
        let mut sent = 0;
        for one in ended {
            match one {
                Ok(_) => sent += 1,
                Err(refused) => assert_eq!(refused.code, "alias_unknown", "{}", club.name),
            }
        }
        let got = club.balance("bob").await + club.balance("eve").await - 20_000;
        assert_eq!(got, sent * 90, "{}", club.name);
        let last = TransferBalance {
            to: TransferReceiver::Alias(alias),
            ..transfer("last", "ann", "bob", "1.00")
        };
        let before = club.balance("eve").await;
        one.execute(last).await.unwrap();
        assert_eq!(club.balance("eve").await, before + 90);
        club.check((sent + 1) * 10).await;
    }
}
