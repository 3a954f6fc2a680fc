//! Laws of transfers: whatever is sent to whomever, under whatever fee, no value comes into being and none is lost.

use proptest::prelude::*;
use rewards_core::ledger::Purpose;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::transfers::{TransferBalance, TransferReceiver};
use rewards_core::time::Timestamp;

use crate::world::{World, member};

const MEMBERS: [&str; 3] = ["ann", "bob", "eve"];
const DAY: i64 = 86_400_000_000;

#[derive(Debug, Clone)]
struct Terms {
    fixed: i64,
    percent: u32,
    bounds: (i64, i64),
    rounding: &'static str,
    paid_by: &'static str,
    expiry: &'static str,
}

impl Terms {
    fn document(&self) -> String {
        let Self {
            fixed,
            percent,
            bounds: (minimum, room),
            rounding,
            paid_by,
            expiry,
        } = self;
        let maximum = minimum + room;
        let fee = format!(
            "fee = {{ fixed = '{fixed}', percent = '{percent}%', minimum = '{minimum}', maximum = '{maximum}', \
             rounding = '{rounding}', paid_by = '{paid_by}' }}"
        );
        let gift = "id = 'gift'\nasset = 'points'\nper_month = '2000'";
        format!(
            "units = [{{ asset = 'points' }}]\n[[transfers]]\n{gift}\nexpiry = {expiry}\n{fee}\n"
        )
    }
}

fn any_terms() -> impl Strategy<Value = Terms> {
    (
        0..5_i64,
        0..30_u32,
        (0..4_i64, 0..40_i64),
        prop::sample::select(vec!["half_even", "down", "up", "toward_member"]),
        prop::sample::select(vec!["sender", "receiver"]),
        prop::sample::select(vec!["'keep'", "'never'", "{ renew = { days = 9 } }"]),
    )
        .prop_map(
            |(fixed, percent, bounds, rounding, paid_by, expiry)| Terms {
                fixed,
                percent,
                bounds,
                rounding,
                paid_by,
                expiry,
            },
        )
}

/// A grant to a member with its days until it expires, or a transfer from one to another.
#[derive(Debug, Clone)]
enum Step {
    Grant(usize, i64, Option<i64>),
    Send(usize, usize, i64),
    Wait(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_usize, 1..200_i64, prop::option::of(1..20_i64)).prop_map(|(who, much, days)| Step::Grant(who, much, days)),
        4 => (0..3_usize, 0..3_usize, 1..300_i64).prop_map(|(from, to, much)| Step::Send(from, to, much)),
        1 => (1..12_i64).prop_map(Step::Wait),
    ]
}

fn total(world: &World, points: Asset) -> i64 {
    let balances = world.balances();
    let own = balances
        .iter()
        .filter(|((_, account), _)| account.asset == points);
    own.map(|(_, minor)| minor).sum()
}

fn control(world: &World, purpose: Purpose, asset: Asset) -> i128 {
    let key = (world.tenant.clone(), purpose, asset);
    world.controls.get(&key).copied().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_value_comes_into_being_and_none_is_lost(
        terms in any_terms(),
        steps in prop::collection::vec(any_step(), 1..24),
    ) {
        let points = Asset::parse("points").unwrap();
        let mut world = World::with(&terms.document());
        world.register("bob");
        world.register("eve");
        let mut granted = 0_i64;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Wait(days) => {
                    world.now = Timestamp::from_micros(world.now.micros() + days * DAY).unwrap();
                }
                Step::Grant(who, much, days) => {
                    let at = |days: i64| Timestamp::from_micros(world.now.micros() + days * DAY).unwrap();
                    let grant = GrantReward { source: None, reference: None,
                        member: member(MEMBERS[who]),
                        amount: Money::new(much, points),
                        reason: "a start".to_owned(),
                        expires_at: days.map(at),
                    };
                    world.run_as(&format!("grant {number}"), &grant).unwrap();
                    granted += much;
                }
                Step::Send(from, to, much) => {
                    let before = (total(&world, points), control(&world, Purpose::Fees, points));
                    let transfer = TransferBalance {
                        transfer: format!("t-{number}").parse().unwrap(),
                        program: "main".parse().unwrap(),
                        from: member(MEMBERS[from]),
                        to: TransferReceiver::Member(member(MEMBERS[to])),
                        amount: Money::new(much, points),
                        note: None,
                    };
                    match world.run(&transfer) {
                        Ok(sent) => {
                            let fee = sent.fee.map_or(0, Money::minor);
                            prop_assert_eq!(sent.given.minor(), sent.arrived.minor() + fee);
                            let lots: i64 = sent.lots.values().map(|part| part.minor()).sum();
                            prop_assert_eq!(lots, sent.given.minor());
                            let fees = control(&world, Purpose::Fees, points);
                            prop_assert_eq!(fees, before.1 + i128::from(fee));
                        }
                        Err(refused) => {
                            let codes = ["insufficient_balance", "transfer_to_self", "fee_exceeds_amount", "transfer_limit"];
                            prop_assert!(codes.contains(&refused.code()), "{}", refused);
                            prop_assert_eq!(total(&world, points), before.0);
                        }
                    }
                }
            }
            let outside = [Purpose::Fees, Purpose::Expired].map(|purpose| control(&world, purpose, points));
            prop_assert_eq!(
                i128::from(total(&world, points)) + outside.iter().sum::<i128>(),
                i128::from(granted)
            );
            prop_assert_eq!(control(&world, Purpose::Transfers, points), 0);
        }
        world.assert_valid();
    }
}
