//! Any valid section of a program beside its rules.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rewards_core::fees::{Fee, FeePayer};
use rewards_core::money::{Asset, DecimalText, format_minor};
use rewards_core::program::*;
use rewards_core::transfers::{OtherSide, TransferExpiry, TransferRule};

use super::programs::{amount, any_rate, any_rounding, slug};

pub fn any_refunds() -> impl Strategy<Value = Refunds> {
    let policy = || {
        let rewards = [
            RefundedRewards::Proportional,
            RefundedRewards::Recheck,
            RefundedRewards::Keep,
        ];
        let shortfall = [Shortfall::StopAtZero, Shortfall::Debt];
        let both = (select(rewards.to_vec()), select(shortfall.to_vec()));
        both.prop_map(|(rewards, shortfall)| RefundPolicy { rewards, shortfall })
    };
    (policy(), option::of(policy())).prop_map(|(policy, chargebacks)| Refunds {
        rewards: policy.rewards,
        shortfall: policy.shortfall,
        chargebacks,
    })
}

pub fn any_deposits(scale: u8) -> impl Strategy<Value = Deposits> {
    let bounds = (option::of(1..1_000_i64), option::of(1_000..i64::MAX));
    let times = (
        option::of(1..=DEPOSIT_MINUTES_MAX),
        option::of(1..=TOLERANCE_SECONDS_MAX),
    );
    let amount = move |minor: i64| DecimalText::parse(&format_minor(minor, scale)).unwrap();
    (bounds, times, 1..4_usize).prop_map(move |(bounds, times, providers)| Deposits {
        minimum: bounds.0.map(amount),
        maximum: bounds.1.map(amount),
        expires_after_minutes: times.0,
        tolerance_seconds: times.1,
        providers: (0..providers)
            .map(|index| DepositProvider {
                id: slug(&format!("provider-{index}")),
                keys: vec![format!("Key {index}").parse().unwrap()],
            })
            .collect(),
    })
}

/// At most one rule for each asset.
pub fn any_transfers(assets: Vec<Asset>) -> impl Strategy<Value = Vec<TransferRule>> {
    let expiry = prop_oneof![
        Just(TransferExpiry::Keep),
        Just(TransferExpiry::Never),
        (1_u16..).prop_map(|days| TransferExpiry::Renew(Expiry {
            days: Some(days),
            ..Expiry::default()
        })),
    ];
    let fee = (
        option::of(0..1_000_i64),
        any_rate(),
        option::of(0..10_i64),
        any_rounding(),
        select(vec![FeePayer::Sender, FeePayer::Receiver]),
    );
    let terms = (
        option::of(1..100_i64),
        option::of(0..9_000_i64),
        expiry,
        option::of(fee),
        select(vec![OtherSide::Id, OtherSide::Nothing]),
    );
    let count = assets.len();
    (subsequence(assets, 0..=count), vec(terms, count)).prop_map(|(assets, terms)| {
        let rules = assets.into_iter().zip(terms).enumerate();
        let rules = rules.map(
            |(index, (asset, (minimum, per_day, expiry, fee, other_side)))| {
                let amount = |minor: i64| amount(minor, asset.scale());
                TransferRule {
                    id: slug(&format!("n{index}.x_y")),
                    asset: Some(asset),
                    purpose: None,
                    minimum: minimum.map(amount),
                    maximum: minimum.map(|least| amount(least + 7)),
                    per_day: per_day.map(amount),
                    per_month: None,
                    fee: fee.map(|(fixed, percent, least, rounding, paid_by)| Fee {
                        fixed: fixed.map(amount),
                        percent: Some(percent),
                        minimum: least.map(amount),
                        maximum: least.map(|least| amount(least + 1)),
                        rounding,
                        paid_by,
                    }),
                    expiry,
                    other_side,
                }
            },
        );
        rules.collect()
    })
}
