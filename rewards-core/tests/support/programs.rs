//! Arbitrary programs, all of them valid: they can be published as they are.
//!
//! First the parts are drawn that others refer to (units, stacking groups, caps, budgets, ladders), then the rules that fit them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rewards_core::ids::{ProgramId, Slug};
use rewards_core::money::{
    Asset, Currency, DecimalText, Factor, Rate, Rounding, UnitCode, format_minor,
};
use rewards_core::program::*;
use rewards_core::time::{
    CalendarRounding, DateEnd, DateRange, LocalDate, Period, TimeOfDay, TimeOfDayRange, Timestamp,
    WeekStart, Weekday, Zone,
};

use super::sections;

/// Any valid program.
pub fn any_program() -> impl Strategy<Value = Program> {
    any_frame().prop_flat_map(|frame| {
        let stacking_groups = 0..frame.stacking_groups.len().max(1);
        let rule = stacking_groups.prop_flat_map({
            let frame = frame.clone();
            move |stacking_group| any_rule(&frame, stacking_group)
        });
        vec(rule, 0..6).prop_map(move |mut rules| {
            for (index, rule) in rules.iter_mut().enumerate() {
                rule.id = slug(&format!("rule-{index}"));
            }
            Program {
                rules,
                ..frame.clone()
            }
        })
    })
}

/// A valid program without rules.
pub fn any_frame() -> impl Strategy<Value = Program> {
    let currency =
        select(vec!["EUR", "JPY", "KWD", "CLF"]).prop_map(|code| Currency::parse(code).unwrap());
    (currency, any_units()).prop_flat_map(|(currency, units)| {
        let assets = assets(currency, &units);
        let head = (
            any_zone(),
            select(&Weekday::ALL[..]),
            any_rounding(),
            any_name(),
        );
        let parts = (
            any_stacking_groups(),
            numbered(any_cap(assets.clone()), 4, |cap, id| cap.id = id),
            numbered(any_budget(assets.clone()), 4, |budget, id| budget.id = id),
            numbered(any_ladder(assets.clone(), currency), 3, |ladder, id| {
                ladder.id = id
            }),
            any_lifecycle(),
            sections::any_transfers(assets),
        );
        let sections = (
            option::of(sections::any_refunds()),
            option::of(sections::any_deposits(currency.scale())),
        );
        (head, parts, sections).prop_map(move |(head, parts, sections)| {
            let (zone, week_start, rounding, name) = head;
            let (stacking_groups, caps, budgets, ladders, lifecycle, transfers) = parts;
            let (refunds, deposits) = sections;
            Program {
                id: ProgramId::new("program").unwrap(),
                name,
                currency,
                zone,
                week_start: WeekStart(week_start),
                rounding,
                units: units.clone(),
                stacking_groups,
                rules: vec![],
                caps,
                budgets,
                ladders,
                lifecycle,
                refunds,
                deposits,
                transfers,
                redemptions: None,
                offers: None,
                fx: None,
                risk: None,
                qr: None,
                payments: None,
                pipeline: None,
                tokens: None,
            }
        })
    })
}

/// A name that every part of a document may have.
pub fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

fn assets(currency: Currency, units: &[UnitDefinition]) -> Vec<Asset> {
    let units = units.iter().map(|unit| unit.asset);
    units.chain([Asset::Currency(currency)]).collect()
}

/// Items with names that are their numbers.
fn numbered<T: Clone + std::fmt::Debug>(
    item: impl Strategy<Value = T>,
    most: usize,
    name: fn(&mut T, Slug),
) -> impl Strategy<Value = Vec<T>> {
    vec(item, 0..=most).prop_map(move |mut items| {
        for (index, item) in items.iter_mut().enumerate() {
            name(item, slug(&format!("n{index}.x_y")));
        }
        items
    })
}

fn any_units() -> impl Strategy<Value = Vec<UnitDefinition>> {
    let unit = |code: &str, scale| UnitDefinition {
        asset: Asset::unit(UnitCode::parse(code).unwrap(), scale).unwrap(),
        name: (scale > 0).then(|| format!("{code} \"quoted\"\n")),
    };
    subsequence(
        vec![unit("points", 0), unit("stars", 2), unit("air-miles", 6)],
        0..=3,
    )
}

fn any_zone() -> impl Strategy<Value = Zone> {
    select(vec![
        "UTC",
        "Africa/Lagos",
        "America/New_York",
        "Asia/Kathmandu",
    ])
    .prop_map(|name| Zone::parse(name).unwrap())
}

pub fn any_rounding() -> impl Strategy<Value = Rounding> {
    select(&Rounding::ALL[..])
}

fn any_name() -> impl Strategy<Value = Option<String>> {
    option::of(any_text())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec!["a", "b c", "5411", "true", "ä'\"\\"]).prop_map(str::to_owned),
        "\\PC{1,20}"
    ]
}

fn any_texts() -> impl Strategy<Value = Vec<String>> {
    vec(any_text(), 1..4)
}

fn any_basis() -> impl Strategy<Value = Basis> {
    let parts = vec![Part::Discounts, Part::Fee, Part::Tax, Part::Shipping];
    prop_oneof![
        Just(Basis::Gross),
        Just(Basis::Net),
        Just(Basis::Goods),
        subsequence(parts, 0..=4).prop_map(Basis::Without),
    ]
}

fn any_period() -> impl Strategy<Value = Period> {
    prop_oneof![
        select(vec![
            Period::Day,
            Period::Week,
            Period::Month,
            Period::Quarter,
            Period::Year,
            Period::Lifetime,
        ]),
        (1..=Period::MAX_DAYS).prop_map(Period::Days),
    ]
}

/// An amount of so many minor units.
pub fn amount(minor: i64, scale: u8) -> DecimalText {
    DecimalText::parse(&format_minor(minor, scale)).unwrap()
}

fn any_amount(least: i64, scale: u8) -> impl Strategy<Value = DecimalText> {
    prop_oneof![least..1_000, least..=i64::MAX].prop_map(move |minor| amount(minor, scale))
}

pub fn any_rate() -> impl Strategy<Value = Rate> {
    (0_i64..=100_000_000_000)
        .prop_map(|n| Rate::parse(&format!("{}%", format_minor(n, 8))).unwrap())
}

fn any_gain() -> impl Strategy<Value = Factor> {
    (100_i64..=100_000).prop_map(|n| Factor::parse(&format_minor(n, 2)).unwrap())
}

fn any_stacking_groups() -> impl Strategy<Value = Vec<StackingGroup>> {
    let stacking = select(vec![
        Stacking::All,
        Stacking::First,
        Stacking::Best,
        Stacking::Lowest,
    ]);
    let scope = select(vec![Scope::Basket, Scope::Line]);
    let base = select(vec![RunningBase::Original, RunningBase::Running]);
    let stacking_group =
        (stacking, scope, base).prop_map(|(stacking, scope, base)| StackingGroup {
            id: slug("x"),
            stacking,
            scope,
            base,
        });
    numbered(stacking_group, 4, |stacking_group, id| {
        stacking_group.id = id
    })
}

/// An asset as a document writes it, with its scale; the currency may be left out.
fn any_asset(assets: Vec<Asset>) -> impl Strategy<Value = (Option<Asset>, u8)> {
    (select(assets), any::<bool>()).prop_map(|(asset, written)| {
        let left_out = asset.as_currency().is_some() && !written;
        ((!left_out).then_some(asset), asset.scale())
    })
}

fn any_cap(assets: Vec<Asset>) -> impl Strategy<Value = Cap> {
    let limit = prop_oneof![
        any_asset(assets).prop_flat_map(|(asset, scale)| {
            any_amount(0, scale).prop_map(move |amount| Limit::Amount { amount, asset })
        }),
        (1..=u32::MAX).prop_map(Limit::Uses),
    ];
    let per = prop_oneof![
        Just(CapPer::Purchase),
        Just(CapPer::Member),
        any_text().prop_map(CapPer::Attribute),
    ];
    (per, option::of(any_period()), limit).prop_map(|(per, every, limit)| Cap {
        id: slug("x"),
        every: every.filter(|every| match per {
            CapPer::Purchase => false,
            CapPer::Attribute(_) => !matches!(every, Period::Days(_)),
            CapPer::Member => true,
        }),
        per,
        limit,
    })
}

fn any_budget(assets: Vec<Asset>) -> impl Strategy<Value = Budget> {
    let amount = any_asset(assets).prop_flat_map(|(asset, scale)| {
        any_amount(0, scale).prop_map(move |amount| (amount, asset))
    });
    let every = option::of(any_period())
        .prop_map(|every| every.filter(|every| !matches!(every, Period::Days(_))));
    (amount, every).prop_map(|((amount, asset), every)| Budget {
        id: slug("x"),
        amount,
        asset,
        every,
    })
}

fn any_ladder(assets: Vec<Asset>, currency: Currency) -> impl Strategy<Value = Ladder> {
    let measure = prop_oneof![
        select(assets.clone()).prop_map(Measure::Balance),
        select(assets).prop_map(Measure::Earned),
        any_basis().prop_map(Measure::Spend),
        Just(Measure::Visits),
    ];
    let window = prop_oneof![
        any_period().prop_map(TierWindow::Calendar),
        Just(TierWindow::Anniversary),
        Just(TierWindow::Lifetime),
    ];
    let downgrade = select(vec![
        Downgrade::Never,
        Downgrade::OneStep,
        Downgrade::ToEligible,
    ]);
    let benefits = (
        option::of(any_gain()),
        option::of(any_rate()),
        option::of(any_gain()),
    );
    let tiers = vec((1_i64..10_000, any_name(), benefits), 1..4);
    (measure, window, tiers, downgrade, 0..=366_u16).prop_map(
        move |(measure, window, tiers, downgrade, grace_days)| {
            let scale = match &measure {
                Measure::Balance(asset) | Measure::Earned(asset) => asset.scale(),
                Measure::Spend(_) => currency.scale(),
                Measure::Visits => 0,
            };
            let balance = matches!(measure, Measure::Balance(_));
            let window = if balance {
                TierWindow::Lifetime
            } else {
                window
            };
            let endless = matches!(
                window,
                TierWindow::Lifetime | TierWindow::Calendar(Period::Lifetime)
            );
            let mut threshold = 0;
            let tiers = tiers
                .into_iter()
                .enumerate()
                .map(|(index, (step, name, benefits))| {
                    threshold += if index == 0 { 0 } else { step };
                    let (multiplier, extra_rate, cap_multiplier) = benefits;
                    Tier {
                        id: slug(&format!("t{index}")),
                        name,
                        replaces: Vec::new(),
                        threshold: amount(threshold, scale),
                        benefits: Benefits {
                            multiplier,
                            extra_rate,
                            cap_multiplier,
                        },
                    }
                });
            Ladder {
                id: slug("x"),
                tiers: tiers.collect(),
                measure,
                window,
                downgrade: if endless && !balance {
                    Downgrade::Never
                } else {
                    downgrade
                },
                grace_days,
                since: None,
            }
        },
    )
}

fn any_lifecycle() -> impl Strategy<Value = Lifecycle> {
    let round = select(vec![
        CalendarRounding::None,
        CalendarRounding::EndOfDay,
        CalendarRounding::EndOfWeek,
        CalendarRounding::EndOfMonth,
        CalendarRounding::EndOfQuarter,
        CalendarRounding::EndOfHalfYear,
        CalendarRounding::EndOfYear,
    ]);
    let pending = prop_oneof![
        (1_u16..100).prop_map(Pending::Days),
        any_timestamp().prop_map(Pending::Until),
        option::of(1_u16..).prop_map(|void_after_days| Pending::Confirmation { void_after_days }),
    ];
    let expires = (any::<bool>(), 100_u16.., round).prop_map(|(days, length, round)| Expiry {
        days: days.then_some(length),
        months: (!days).then_some(length),
        round,
        ..Expiry::default()
    });
    let anniversary = option::of(1_u16..).prop_map(|months| Expiry {
        months,
        anniversary: true,
        ..Expiry::default()
    });
    let expires = (prop_oneof![4 => expires, 1 => anniversary], any::<bool>());
    let expires = expires.prop_map(|(expires, slides)| Expiry {
        extended_by: Vec::from_iter(slides.then_some(ExtendingActivity::Purchase)),
        ..expires
    });
    (option::of(pending), option::of(expires))
        .prop_map(|(pending, expires)| Lifecycle { pending, expires })
}

fn any_timestamp() -> impl Strategy<Value = Timestamp> {
    (0..Timestamp::MAX.micros()).prop_map(|micros| Timestamp::from_micros(micros).unwrap())
}

fn any_dates() -> impl Strategy<Value = DateRange> {
    let date = |day: i64| LocalDate::from_day(i32::try_from(day).unwrap()).unwrap();
    (0..70_000_i64, 1..1_000_i64, 0..4_u8).prop_map(move |(start, length, kind)| {
        let (from, end) = (date(start), date(start + length));
        let (from, end) = match kind {
            0 => (Some(from), Some(DateEnd::Through(end))),
            1 => (Some(from), Some(DateEnd::Before(end))),
            2 => (Some(from), None),
            _ => (None, Some(DateEnd::Before(end))),
        };
        DateRange::new(from, end).unwrap()
    })
}

/// A rule for the stacking group at this position.
fn any_rule(frame: &Program, stacking_group: usize) -> impl Strategy<Value = Rule> + use<> {
    let frame = frame.clone();
    let of_stacking_group = frame.stacking_groups.get(stacking_group).cloned();
    let line_by_line = of_stacking_group
        .as_ref()
        .is_some_and(|stacking_group| stacking_group.scope == Scope::Line);
    let head = (
        any_name(),
        any::<i32>(),
        option::of(any_dates()),
        any::<bool>(),
        any::<bool>(),
    );
    let tail = (
        option::of(any_rounding()),
        option::of(Just(slug("marketing"))),
        subsequence(vec![slug("a"), slug("b")], 0..=2),
        option::of(any::<bool>()),
        option::of(any_lifecycle()),
    );
    let names = (
        subsequence(frame.caps.clone(), 0..=frame.caps.len()),
        subsequence(frame.budgets.clone(), 0..=frame.budgets.len()),
    );
    let effect = any_effect(&frame, stacking_group, of_stacking_group.as_ref());
    (head, effect, option::of(any_condition(&frame)), names, tail).prop_map(
        move |((name, priority, active, lined, named), effect, when, (caps, budgets), tail)| {
            let (rounding, funded_by, exclusive, tier_benefits, lifecycle) = tail;
            let currency = Asset::Currency(frame.currency);
            let paid = asset_of(&effect).unwrap_or(currency);
            let caps = caps.into_iter().filter(|cap| match cap.limit {
                Limit::Amount { asset, .. } => asset.unwrap_or(currency) == paid,
                Limit::Uses(_) => true,
            });
            let budgets =
                (budgets.into_iter()).filter(|budget| budget.asset.unwrap_or(currency) == paid);
            let whole = matches!(effect, Effect::Multiplier(_)) || !lined;
            Rule {
                id: slug("x"),
                name,
                stacking_group: (of_stacking_group
                    .as_ref()
                    .filter(|_| named || stacking_group > 0))
                .map(|stacking_group| stacking_group.id.clone()),
                priority,
                // Dates in the condition could contradict those of the rule.
                active: active.filter(|_| when.is_none()),
                when,
                scope: if whole && !line_by_line {
                    Scope::Basket
                } else {
                    Scope::Line
                },
                rounding,
                funded_by,
                exclusive,
                caps: caps.map(|cap| cap.id).collect(),
                budgets: budgets.map(|budget| budget.id).collect(),
                tier_benefits,
                lifecycle,
                effect,
            }
        },
    )
}

fn asset_of(effect: &Effect) -> Option<Asset> {
    match effect {
        Effect::Percent(_) | Effect::Bands(_) => None,
        Effect::Fixed(reward) => reward.asset,
        Effect::PerUnit(reward) => reward.asset,
        Effect::Multiplier(multiplier) => multiplier.asset,
    }
}

fn any_effect(
    frame: &Program,
    stacking_group: usize,
    of_stacking_group: Option<&StackingGroup>,
) -> BoxedStrategy<Effect> {
    // A stacking group that compares pays one asset only.
    let compares = of_stacking_group.is_some_and(|stacking_group| {
        matches!(stacking_group.stacking, Stacking::Best | Stacking::Lowest)
    });
    let assets = if compares {
        vec![Asset::Currency(frame.currency)]
    } else {
        assets(frame.currency, &frame.units)
    };
    let scale = frame.currency.scale();
    let percent = (any_rate(), any_basis())
        .prop_map(|(rate, of)| Effect::Percent(PercentReward { rate, of }));
    let paid = any_asset(assets.clone())
        .prop_flat_map(|(asset, scale)| {
            any_amount(1, scale).prop_map(move |amount| (amount, asset))
        })
        .boxed();
    let fixed = paid
        .clone()
        .prop_map(|(amount, asset)| Effect::Fixed(FixedReward { amount, asset }));
    let remainder = select(vec![
        Remainder::Proportional,
        Remainder::Drop,
        Remainder::Carry,
    ]);
    let per_unit = (paid, any_amount(1, scale), any_basis(), remainder).prop_map(
        |((amount, asset), every, of, remainder)| {
            Effect::PerUnit(PerUnitReward {
                amount,
                asset,
                every,
                of,
                remainder,
            })
        },
    );
    let mut effects = vec![
        percent.boxed(),
        fixed.boxed(),
        per_unit.boxed(),
        any_bands(scale).boxed(),
    ];
    let lined = of_stacking_group.is_some_and(|stacking_group| stacking_group.scope == Scope::Line);
    if stacking_group > 0 && !lined {
        let before: Vec<Slug> = frame.stacking_groups[..stacking_group]
            .iter()
            .map(|stacking_group| stacking_group.id.clone())
            .collect();
        let multiplier = (any_gain(), any_asset(assets), option::of(select(before)));
        let multiplier = multiplier.prop_map(|(factor, (asset, _), stacking_group)| {
            Effect::Multiplier(Multiplier {
                factor,
                asset,
                stacking_group,
            })
        });
        effects.push(multiplier.boxed());
    }
    proptest::strategy::Union::new(effects).boxed()
}

fn any_bands(scale: u8) -> impl Strategy<Value = Effect> {
    let mode = select(vec![BandMode::Slab, BandMode::Marginal]);
    let band = (1_i64..100_000, any_rate(), option::of(any_amount(0, scale)));
    (mode, any_basis(), vec(band, 1..5)).prop_map(move |(mode, of, bands)| {
        let mut from = -1;
        let bands = bands.into_iter().map(|(step, rate, fixed)| {
            from += step;
            Band {
                from: amount(from, scale),
                reward: match fixed.filter(|_| mode == BandMode::Slab) {
                    Some(fixed) => BandReward::Fixed(fixed),
                    None => BandReward::Rate(rate),
                },
            }
        });
        let bands = bands.collect();
        Effect::Bands(Bands { mode, of, bands })
    })
}

/// A condition that can hold: facts that have one value at a time are tested once, or apart from each other.
fn any_condition(frame: &Program) -> impl Strategy<Value = Condition> + use<> {
    any_leaf(frame).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(Condition::Any),
            vec(inner.clone(), 1..3).prop_map(Condition::None),
            (inner, any_texts()).prop_map(|(condition, tags)| {
                Condition::All(vec![Condition::Tag(tags), condition])
            }),
        ]
    })
}

fn any_leaf(frame: &Program) -> BoxedStrategy<Condition> {
    let scale = frame.currency.scale();
    let texts = prop_oneof![
        any_texts().prop_map(Condition::Category),
        any_texts().prop_map(Condition::Merchant),
        any_texts().prop_map(Condition::Biller),
        any_texts().prop_map(Condition::BillType),
        any_texts().prop_map(Condition::Channel),
        any_texts().prop_map(Condition::PaymentMethod),
        any_texts().prop_map(Condition::Store),
        any_texts().prop_map(Condition::Country),
        any_texts().prop_map(Condition::Tag),
        any_texts().prop_map(Condition::Segment),
    ];
    let amounts = move || any_range(scale);
    let times = prop_oneof![
        subsequence(Weekday::ALL.to_vec(), 1..=7).prop_map(Condition::Weekday),
        (0..86_400_u32, 1..86_400_u32).prop_map(|(from, length)| {
            let end = from + length;
            let until = if end == 86_400 {
                TimeOfDay::DAY_END
            } else {
                time_of_day(end % 86_400)
            };
            Condition::TimeOfDay(TimeOfDayRange::new(time_of_day(from), until).unwrap())
        }),
        any_dates().prop_map(Condition::Dates),
    ];
    let numbers = prop_oneof![
        (any_basis(), amounts()).prop_map(|(of, (at_least, below))| Condition::Amount(
            AmountTest {
                of,
                at_least,
                below
            }
        )),
        (any_period(), any_basis(), amounts()).prop_map(|(window, of, (at_least, below))| {
            Condition::WindowSum(WindowSum {
                window,
                of,
                at_least,
                below,
                since: None,
            })
        }),
        (any_period(), any_counts()).prop_map(|(window, (at_least, at_most))| {
            Condition::WindowCount(WindowCount {
                window,
                at_least,
                at_most,
            })
        }),
        any_counts().prop_map(|(at_least, at_most)| {
            Condition::PurchaseNumber(NumberTest {
                at_least,
                at_most,
                every: None,
            })
        }),
        (1..=u32::MAX).prop_map(|every| {
            Condition::PurchaseNumber(NumberTest {
                at_least: None,
                at_most: None,
                every: Some(every),
            })
        }),
    ];
    let mut leaves = vec![
        texts.boxed(),
        times.boxed(),
        numbers.boxed(),
        any_line(scale)
            .prop_map(|test| Condition::Line(Box::new(test)))
            .boxed(),
        any_attribute().prop_map(Condition::Attribute).boxed(),
    ];
    if !frame.ladders.is_empty() {
        leaves.push(any_tier(&frame.ladders).prop_map(Condition::Tier).boxed());
    }
    proptest::strategy::Union::new(leaves).boxed()
}

fn time_of_day(seconds: u32) -> TimeOfDay {
    let (minutes, second) = (seconds / 60, seconds % 60);
    TimeOfDay::parse(&format!(
        "{:02}:{:02}:{second:02}",
        minutes / 60,
        minutes % 60
    ))
    .unwrap()
}

/// A range of amounts with at least one bound.
fn any_range(scale: u8) -> impl Strategy<Value = (Option<DecimalText>, Option<DecimalText>)> {
    (0_i64..1_000_000, 1_i64..1_000_000, 0..3_u8).prop_map(move |(from, length, kind)| {
        let below = amount(from + length, scale);
        let from = amount(from, scale);
        ((kind != 0).then_some(from), (kind != 1).then_some(below))
    })
}

/// A range of counts with at least one bound.
fn any_counts() -> impl Strategy<Value = (Option<u32>, Option<u32>)> {
    (1..1_000_u32, 0..1_000_u32, 0..3_u8).prop_map(|(from, length, kind)| {
        (
            (kind != 0).then_some(from),
            (kind != 1).then_some(from + length),
        )
    })
}

fn any_tier(ladders: &[Ladder]) -> impl Strategy<Value = TierTest> + use<> {
    let tests = (
        select(ladders.to_vec()),
        any::<prop::sample::Index>(),
        any::<bool>(),
    );
    tests.prop_map(|(ladder, tier, one)| {
        let tier = ladder.tiers[tier.index(ladder.tiers.len())].id.clone();
        TierTest {
            ladder: ladder.id,
            at_least: (!one).then(|| tier.clone()),
            one_of: if one { vec![tier] } else { vec![] },
        }
    })
}

fn any_line(scale: u8) -> impl Strategy<Value = LineTest> {
    // What is excepted is never what is wanted, so the test can hold.
    let wanted = || vec("[a-m]{1,8}", 0..3);
    let except = || vec("[n-z]{1,8}", 0..3);
    let rest = (
        option::of(any_attribute()),
        1..=u32::MAX,
        option::of(any_amount(0, scale)),
    );
    (wanted(), wanted(), except(), except(), rest).prop_map(
        |(sku, category, except_sku, except_category, (attribute, quantity, amount_at_least))| {
            LineTest {
                sku,
                category,
                except_sku,
                except_category,
                attribute,
                quantity_at_least: Some(quantity),
                amount_at_least,
            }
        },
    )
}

fn any_attribute() -> impl Strategy<Value = AttributeTest> {
    (any_text(), vec(any_text(), 0..3), option::of(any_range(9))).prop_map(
        |(name, one_of, range)| {
            let (at_least, below) = range.unwrap_or_default();
            AttributeTest {
                name,
                one_of,
                at_least,
                below,
            }
        },
    )
}
