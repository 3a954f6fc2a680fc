//! One decision with every reason, in words, and a piece of a member's statement.

use std::io::{self, Write};

use rewards_core::cashback::{Explanation, Line, Purchase, Verdict};
use rewards_core::ids::{MemberId, PurchaseId, Slug};
use rewards_core::ledger::Account;
use rewards_core::money::{Asset, DecimalText, Money};
use rewards_core::operations::balances::{GetStatement, StatementLine};
use rewards_core::operations::purchases::{QuotePurchase, QuotedPurchase};
use rewards_core::operations::tiers::GetTiers;
use rewards_core::program::{BandReward, Benefits, CapPer, Effect, Limit, Program};
use rewards_core::time::{Period, Timestamp, Weekday};
use rewards_storage::engine::{CommandOptions, TenantEngine};
use serde_json::Value;

use super::report::date;
use super::table::{Table, amount, heading};
use super::{QuickstartError, closing_day};

/// What the purchase of the example costs.
const TOTAL: &str = "240.00";
/// How many CDs are in it.
const PIECES: u32 = 6;
const NOON: u32 = 12 * 60 * 60;
/// Lines of the statement that are shown.
const LINES: u32 = 8;

/// The asset that an effect pays in.
pub(super) fn asset_of(program: &Program, effect: &Effect) -> Asset {
    let named = match effect {
        Effect::Percent(_) | Effect::Bands(_) => None,
        Effect::Fixed(fixed) => fixed.asset,
        Effect::PerUnit(per_unit) => per_unit.asset,
        Effect::Multiplier(multiplier) => multiplier.asset,
    };
    named.unwrap_or_else(|| program.currency.into())
}

/// What a member would get for a big basket on the Saturday after the data ends, and why.
pub(super) async fn decision(
    out: &mut dyn Write,
    tenant: &TenantEngine,
    program: &Program,
    member: &MemberId,
    today: Timestamp,
) -> Result<(), QuickstartError> {
    let total = Money::parse(TOTAL, program.currency.into())?;
    let (day, at) = saturday_after(program, today);
    let id = PurchaseId::new("example")?;
    let mut purchase = Purchase::new(id, member.clone(), program.id.clone(), at, total);
    purchase.lines = vec![Line {
        category: Some("cd".to_owned()),
        quantity: PIECES,
        ..Line::new(total)
    }];
    let quote = QuotePurchase {
        coupons: Vec::new(),
        purchase,
        explain: true,
    };
    let quoted = tenant.execute_with(quote, options_at(at)).await?.reply;
    heading(out, "One decision, explained")?;
    writeln!(
        out,
        "  A quote: member {member} buys {PIECES} CDs for {TOTAL} {} on Saturday, {}.",
        program.currency.code(),
        date(day),
    )?;
    writeln!(out)?;
    write_tiers(out, tenant, program, member, options_at(at)).await?;
    explanation(out, program, &quoted)?;
    Ok(())
}

/// The tiers that count for it, with what they give.
async fn write_tiers(
    out: &mut dyn Write,
    tenant: &TenantEngine,
    program: &Program,
    member: &MemberId,
    options: CommandOptions,
) -> Result<(), QuickstartError> {
    let request = GetTiers {
        member: member.clone(),
        program: program.id.clone(),
    };
    let tiers = tenant.execute_with(request, options).await?.reply;
    for standing in tiers.ladders {
        let ladder = program.ladders.iter().find(|l| l.id == standing.ladder);
        let tier = ladder.and_then(|l| l.tiers.iter().find(|tier| tier.id == standing.tier));
        let benefits = tier.map(|tier| gives(&tier.benefits)).unwrap_or_default();
        let (ladder, tier) = (&standing.ladder, &standing.tier);
        writeln!(out, "  Tier on the ladder `{ladder}`: {tier}{benefits}.")?;
    }
    writeln!(out)?;
    Ok(())
}

/// What a tier gives, in words.
fn gives(benefits: &Benefits) -> String {
    let parts = [
        benefits.multiplier.map(|by| format!("rewards times {by}")),
        benefits.extra_rate.map(|rate| format!("{rate} more")),
        benefits.cap_multiplier.map(|by| format!("caps times {by}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        return String::new();
    }
    format!(", which gives {}", parts.join(" and "))
}

/// Every rule with its outcome, then the total.
fn explanation(out: &mut dyn Write, program: &Program, quoted: &QuotedPurchase) -> io::Result<()> {
    let mut table = Table::new(2, ["rule", "outcome", "wanted", "granted"]);
    let mut why = Vec::new();
    for line in quoted.explanation.iter().flatten() {
        let (outcome, wanted, granted) = words(&line.outcome);
        table.row([line.rule.to_string(), outcome, wanted, granted]);
        why.push(reason(program, line));
    }
    table.write(out)?;
    writeln!(out)?;
    for reason in why {
        writeln!(out, "  {reason}")?;
    }
    let decision = &quoted.decision;
    let totals: Vec<String> = decision.totals.iter().map(worth).collect();
    let (id, version) = (&decision.program, decision.revision);
    writeln!(
        out,
        "\n  Together {} by program `{id}`, revision {version}.",
        totals.join(" and ")
    )?;
    let zone = program.zone;
    let on = |at: Timestamp| date(zone.local(at).day);
    let through = |at| date(closing_day(zone, at));
    for grant in decision.grants.iter().take(1) {
        let available = grant
            .available_at
            .map(|at| format!("available from {}", on(at)));
        let expires = grant
            .expires_at
            .map(|at| format!("good through {}", through(at)));
        let times: Vec<String> = available.into_iter().chain(expires).collect();
        writeln!(out, "  It is {}.", times.join(" and "))?;
    }
    writeln!(
        out,
        "  Digest to pin when it is recorded: {}",
        decision.digest
    )
}

/// An outcome in a word or two, with what was wanted and what was granted.
fn words(verdict: &Verdict) -> (String, String, String) {
    let nothing = String::new;
    match verdict {
        Verdict::Granted {
            desired,
            granted,
            clipped_by,
        } => {
            let word = if clipped_by.is_some() {
                "granted, clipped"
            } else {
                "granted"
            };
            (word.to_owned(), worth(desired), worth(granted))
        }
        Verdict::Inactive => ("not active".to_owned(), nothing(), nothing()),
        Verdict::Unmatched { .. } => ("does not match".to_owned(), nothing(), nothing()),
        Verdict::Nothing => ("comes to nothing".to_owned(), nothing(), nothing()),
        Verdict::Outranked { desired } => {
            ("another is better".to_owned(), worth(desired), nothing())
        }
        Verdict::Excluded => ("excluded".to_owned(), nothing(), nothing()),
        Verdict::Capped { desired, .. } => ("cap used up".to_owned(), worth(desired), nothing()),
        Verdict::Withheld { amount } => ("withheld".to_owned(), worth(amount), nothing()),
    }
}

/// The reason in a sentence, with the place in the document.
fn reason(program: &Program, line: &Explanation) -> String {
    let rule = &line.rule;
    let document = serde_json::to_value(program).unwrap_or_default();
    let position = program.rules.iter().position(|known| known.id == *rule);
    let path = position
        .map(|at| format!("rules[{at}]"))
        .unwrap_or_default();
    let at = |path: &str| {
        find(&document, path)
            .map(Value::to_string)
            .unwrap_or_default()
    };
    match &line.outcome {
        Verdict::Unmatched { failed } => format!("{rule}: {failed} asks for {}", at(failed)),
        Verdict::Inactive => format!("{rule}: {path}.active is {}", at(&format!("{path}.active"))),
        Verdict::Outranked { .. } => {
            let own = program.rules.iter().find(|known| known.id == *rule);
            let stacking_group = own.and_then(|known| known.stacking_group.as_ref());
            let stacking_group = stacking_group.map_or_else(
                || "its stacking group".to_owned(),
                |stacking_group| format!("stacking group `{stacking_group}`"),
            );
            format!("{rule}: {stacking_group} takes one rule only, and another one pays more")
        }
        Verdict::Granted {
            desired,
            granted,
            clipped_by: Some(cap),
        } => {
            let taken = desired
                .checked_sub(*granted)
                .map_or_else(|_| String::new(), |m| worth(&m));
            format!("{rule}: {} takes {taken} of it", limit(program, cap))
        }
        Verdict::Capped {
            clipped_by: Some(cap),
            ..
        } => {
            format!("{rule}: {} takes all of it", limit(program, cap))
        }
        Verdict::Excluded => format!("{rule}: a rule before it took one of its exclusive tags"),
        Verdict::Withheld { .. } => format!("{rule}: the member is not active"),
        Verdict::Nothing => format!("{rule}: {path}.effect comes to less than the smallest unit"),
        Verdict::Granted { .. } | Verdict::Capped { .. } => {
            let own = program.rules.iter().find(|known| known.id == *rule);
            let effect = own.map(|known| effect(program, &known.effect));
            format!("{rule}: {}, by {path}.effect", effect.unwrap_or_default())
        }
    }
}

/// What a rule pays, in words.
fn effect(program: &Program, effect: &Effect) -> String {
    match effect {
        Effect::Percent(percent) => format!("{} of it", percent.rate),
        Effect::Fixed(fixed) => decimal(program, &fixed.amount, fixed.asset),
        Effect::PerUnit(unit) => {
            let reward = decimal(program, &unit.amount, unit.asset);
            let every = decimal(program, &unit.every, None);
            format!("{reward} for every {every}")
        }
        Effect::Bands(bands) => {
            let bands = bands.bands.iter().map(|band| {
                let reward = match &band.reward {
                    BandReward::Rate(rate) => rate.to_string(),
                    BandReward::Fixed(amount) => decimal(program, amount, None),
                };
                format!("{reward} from {}", decimal(program, &band.from, None))
            });
            bands.collect::<Vec<_>>().join(", ")
        }
        Effect::Multiplier(multiplier) => {
            let stacking_group = multiplier.stacking_group.as_ref();
            let stacking_group = stacking_group.map_or_else(
                || "the stacking groups before it".to_owned(),
                |stacking_group| format!("stacking group `{stacking_group}`"),
            );
            format!("{} times what {stacking_group} granted", multiplier.factor)
        }
    }
}

/// A cap or budget in words.
fn limit(program: &Program, name: &Slug) -> String {
    if let Some(cap) = program.caps.iter().find(|cap| cap.id == *name) {
        let most = match &cap.limit {
            Limit::Amount { amount, asset } => decimal(program, amount, *asset),
            Limit::Uses(uses) => format!("{uses} uses"),
        };
        let per = match &cap.per {
            CapPer::Purchase => "purchase",
            CapPer::Member => "member",
            CapPer::Attribute(name) => name,
        };
        return format!("cap `{name}` ({most} per {per} {})", every(cap.every));
    }
    let budget = program.budgets.iter().find(|budget| budget.id == *name);
    budget.map_or_else(
        || format!("`{name}`"),
        |budget| {
            let most = decimal(program, &budget.amount, budget.asset);
            format!("budget `{name}` ({most} {})", every(budget.every))
        },
    )
}

/// An amount of a document with its asset.
fn decimal(program: &Program, text: &DecimalText, asset: Option<Asset>) -> String {
    let asset = asset.unwrap_or_else(|| program.currency.into());
    let minor = text.to_minor(asset.scale());
    minor.map_or_else(
        |_| text.to_string(),
        |minor| worth(&Money::new(minor, asset)),
    )
}

/// A window in words.
pub(super) fn every(period: Option<Period>) -> String {
    match period {
        None | Some(Period::Lifetime) => "for ever".to_owned(),
        Some(Period::Days(days)) => format!("in {days} days"),
        Some(period) => format!("every {}", json(&period).trim_matches('"')),
    }
}

/// The part of a document at a path such as `rules[3].when.all[1]`.
fn find<'d>(document: &'d Value, path: &str) -> Option<&'d Value> {
    let mut steps = path.split(['.', '[']).filter(|step| !step.is_empty());
    steps.try_fold(document, |value, step| match step.strip_suffix(']') {
        Some(number) => value.get(number.parse::<usize>().ok()?),
        None => value.get(step),
    })
}

/// The latest lines of a member's statement.
pub(super) async fn statement(
    out: &mut dyn Write,
    tenant: &TenantEngine,
    program: &Program,
    member: &MemberId,
) -> Result<(), QuickstartError> {
    let request = GetStatement {
        limit: Some(LINES),
        asset: Some(program.currency.into()),
        ..GetStatement::new(member.clone())
    };
    let statement = tenant.execute(request).await?;
    heading(
        out,
        &format!("Statement of member {member}, the latest {LINES} movements of cashback"),
    )?;
    let mut table = Table::new(
        5,
        [
            "day",
            "movement",
            "rule or purchase",
            "from",
            "to",
            "amount",
            "asset",
        ],
    );
    for line in &statement.lines {
        let account = |account: &Account| account.purpose.to_string();
        table.row([
            date(program.zone.local(line.effective_at).day),
            line.kind.text().to_owned(),
            cause(line),
            account(&line.from),
            account(&line.to),
            amount(line.amount),
            line.amount.asset().code().to_owned(),
        ]);
    }
    table.write(out)?;
    Ok(())
}

fn cause(line: &StatementLine) -> String {
    let rule = line.origin.as_ref().map(|origin| origin.rule.to_string());
    let purchase = line.purchase.as_ref().map(ToString::to_string);
    let parts: Vec<String> = purchase.into_iter().chain(rule).collect();
    parts.join(" ")
}

/// An amount with its asset.
fn worth(money: &Money) -> String {
    format!("{} {}", amount(*money), money.asset().code())
}

/// Noon of the first Saturday that begins after an instant, with its local day.
fn saturday_after(program: &Program, today: Timestamp) -> (i32, Timestamp) {
    let today = program.zone.local(today).day;
    let days = today.saturating_add(1)..=today.saturating_add(7);
    let day = days
        .clone()
        .find(|day| Weekday::of_day(*day) == Weekday::Saturday);
    let day = day.unwrap_or(*days.start());
    (day, program.zone.instant(day, NOON))
}

fn options_at(at: Timestamp) -> CommandOptions {
    CommandOptions {
        key: None,
        now: Some(at),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
