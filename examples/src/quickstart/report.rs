//! What a program manager wants to see, as text.

use std::io::{self, Write};

use rewards_core::ids::MemberId;
use rewards_core::money::{Asset, Money};
use rewards_core::program::{Budget, Program};
use rewards_core::time::{LocalDate, Timestamp};
use rewards_storage::engine::{BookReport, Engine, TenantEngine};

use super::books::{Books, MemberSums, Sums};
use super::explain;
use super::import::{Imported, count, month_name, month_of};
use super::ladders::LadderBook;
use super::table::{Table, amount, grouped, heading};
use super::{QuickstartError, summary};

/// How many members the list of the best has.
const TOP: usize = 10;

/// Everything the report is made from.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub program: &'a Program,
    pub tenant: &'a TenantEngine,
    pub books: &'a Books,
    pub ladders: &'a [LadderBook],
    pub imported: &'a Imported,
    /// The instant it is made for.
    pub today: Timestamp,
}

impl Report<'_> {
    /// All tables.
    pub fn figures(&self, out: &mut dyn Write) -> io::Result<()> {
        summary::import(out, self.imported)?;
        self.positions(out)?;
        self.rules(out)?;
        self.tiers(out)?;
        self.budgets(out)?;
        self.liability(out)?;
        self.top_members(out)
    }

    fn positions(&self, out: &mut dyn Write) -> io::Result<()> {
        heading(out, "Rewards")?;
        let mut table = Table::new(
            1,
            [
                "asset",
                "granted",
                "pending",
                "available",
                "expired",
                "liability",
            ],
        );
        for position in self.books.positions() {
            let liability = position.available.checked_add(position.pending);
            table.row([
                position.granted.asset().code().to_owned(),
                amount(position.granted),
                amount(position.pending),
                amount(position.available),
                amount(position.expired),
                liability.map_or_else(|_| String::new(), amount),
            ]);
        }
        table.write(out)
    }

    fn rules(&self, out: &mut dyn Write) -> io::Result<()> {
        heading(out, "What each rule granted")?;
        let mut table = Table::new(2, ["rule", "", "granted", "asset"]);
        for rule in &self.program.rules {
            let asset = explain::asset_of(self.program, &rule.effect);
            let granted = Money::new(self.books.by_rule(&rule.id), asset);
            let name = rule.name.clone().unwrap_or_default();
            table.row([
                rule.id.to_string(),
                name,
                amount(granted),
                asset.code().to_owned(),
            ]);
        }
        table.write(out)
    }

    fn tiers(&self, out: &mut dyn Write) -> io::Result<()> {
        for ladder in self.ladders {
            heading(out, &format!("Tiers of the ladder `{}`", ladder.id))?;
            let population = ladder.population(i32::MAX);
            let all = population.iter().sum::<i64>().max(1);
            let mut table = Table::new(1, ["tier", "members", "share"]);
            for ((_, name), members) in ladder.tiers.iter().zip(&population) {
                // Counts below 2^53 are exact.
                let share = *members as f64 * 100.0 / all as f64;
                table.row([
                    name.clone(),
                    grouped(&members.to_string()),
                    format!("{share:.1} %"),
                ]);
            }
            table.write(out)?;
            let mut moves = Table::new(4, ["move", "from", "", "to", "times", "first", "last"]);
            for pair in ladder.pairs() {
                moves.row([
                    if pair.is_up { "up" } else { "down" }.to_owned(),
                    pair.from,
                    "→".to_owned(),
                    pair.to,
                    grouped(&pair.moves.to_string()),
                    date(pair.first),
                    date(pair.last),
                ]);
            }
            if !moves.is_empty() {
                writeln!(out)?;
                moves.write(out)?;
            }
        }
        Ok(())
    }

    fn budgets(&self, out: &mut dyn Write) -> io::Result<()> {
        for budget in &self.program.budgets {
            let asset = budget.asset.unwrap_or_else(|| self.program.currency.into());
            let Ok(limit) = budget.amount.to_minor(asset.scale()) else {
                continue;
            };
            let limit = Money::new(limit, asset);
            let every = explain::every(budget.every);
            heading(
                out,
                &format!(
                    "Budget `{}`: {} {} {every}",
                    budget.id,
                    amount(limit),
                    asset.code()
                ),
            )?;
            self.burn_down(out, budget, limit)?;
        }
        Ok(())
    }

    fn burn_down(&self, out: &mut dyn Write, budget: &Budget, limit: Money) -> io::Result<()> {
        let mut table = Table::new(1, ["month", "drawn", "left", "used"]);
        let mut was_drawn = true;
        for (first, last) in self.months() {
            let drawn = self.books.drawn(self.program, budget, first, last);
            let used = self.books.drawn(self.program, budget, i32::MIN, last);
            // Once a budget rests, the months repeat themselves.
            if drawn == 0 && !was_drawn {
                continue;
            }
            was_drawn = drawn != 0;
            let money = |minor| amount(Money::new(minor, limit.asset()));
            // Amounts below 2^53 minor units are exact.
            let share = used as f64 * 100.0 / limit.minor().max(1) as f64;
            table.row([
                month_name(last),
                money(drawn),
                money(limit.minor().saturating_sub(used)),
                format!("{share:.1} %"),
            ]);
        }
        table.write(out)
    }

    fn liability(&self, out: &mut dyn Write) -> io::Result<()> {
        let asset = Asset::from(self.program.currency);
        heading(out, &format!("Month by month, in {}", asset.code()))?;
        let mut header: Vec<String> = [
            "month",
            "granted",
            "matured",
            "expired",
            "pending",
            "available",
            "liability",
        ]
        .map(str::to_owned)
        .to_vec();
        for ladder in self.ladders {
            header.extend(ladder.tiers.iter().map(|(_, name)| name.clone()));
            header.extend(["up".to_owned(), "down".to_owned()]);
        }
        let mut table = Table::with_header(1, header);
        let mut before = Sums::default();
        for (first, last) in self.months() {
            let now = self.books.by(asset, last);
            let money = |minor: i64| amount(Money::new(minor, asset));
            let granted = now.granted.saturating_sub(before.granted);
            let expired = now.expired.saturating_sub(before.expired);
            let matured = now
                .available
                .saturating_sub(before.available)
                .saturating_add(expired);
            let mut cells = vec![
                month_name(last),
                money(granted),
                money(matured),
                money(expired),
                money(now.pending),
                money(now.available),
                money(now.pending.saturating_add(now.available)),
            ];
            for ladder in self.ladders {
                let population = ladder.population(last);
                cells.extend(
                    population
                        .iter()
                        .map(|members| grouped(&members.to_string())),
                );
                let (up, down) = ladder.up_and_down(first, last);
                cells.extend([grouped(&up.to_string()), grouped(&down.to_string())]);
            }
            table.row(cells);
            before = now;
        }
        table.write(out)
    }

    fn top_members(&self, out: &mut dyn Write) -> io::Result<()> {
        let asset = Asset::from(self.program.currency);
        heading(
            out,
            &format!("Top {TOP} members by cashback, in {}", asset.code()),
        )?;
        let header = [
            "",
            "member",
            "tier",
            "purchases",
            "granted",
            "pending",
            "available",
            "expired",
        ];
        let mut table = Table::new(3, header);
        for (place, (member, sums)) in self.ranking().into_iter().take(TOP).enumerate() {
            let own = sums.assets.get(&asset).copied().unwrap_or_default();
            let tiers: Vec<String> = self
                .ladders
                .iter()
                .map(|ladder| ladder.held(member))
                .collect();
            table.row([
                count(place).saturating_add(1).to_string(),
                member.to_string(),
                tiers.join(", "),
                grouped(&sums.purchases.to_string()),
                amount(Money::new(own.granted, asset)),
                amount(Money::new(own.pending, asset)),
                amount(Money::new(own.available, asset)),
                amount(Money::new(own.expired, asset)),
            ]);
        }
        table.write(out)
    }

    /// Members by what they were granted, the most first; ties in the order of their ids.
    fn ranking(&self) -> Vec<(&MemberId, &MemberSums)> {
        let asset = Asset::from(self.program.currency);
        let mut members: Vec<_> = self.books.members.iter().collect();
        members.sort_by_key(|(_, sums)| {
            let own = sums.assets.get(&asset).copied().unwrap_or_default();
            std::cmp::Reverse(own.granted)
        });
        members
    }

    /// First and last local day of each month.
    fn months(&self) -> Vec<(i32, i32)> {
        let Some((first, last)) = self.books.span() else {
            return Vec::new();
        };
        let days: Vec<i32> = (first..=last).collect();
        let months = days.chunk_by(|a, b| month_of(*a) == month_of(*b));
        let ends = months.filter_map(|month| Some((*month.first()?, *month.last()?)));
        ends.collect()
    }

    /// One decision with every reason, and a piece of a statement, both of the best member.
    pub async fn example(&self, out: &mut dyn Write) -> Result<(), QuickstartError> {
        let Some((member, _)) = self.ranking().into_iter().next() else {
            return Ok(());
        };
        explain::decision(out, self.tenant, self.program, member, self.today).await?;
        explain::statement(out, self.tenant, self.program, member).await
    }

    /// Audits the books.
    pub async fn verification(
        &self,
        out: &mut dyn Write,
        engine: &Engine,
    ) -> Result<BookReport, QuickstartError> {
        heading(out, "Audit of the books")?;
        let report = self.tenant.verify().await?;
        let waiting = engine.health().await?.store.outbox_waiting;
        let number = |value: u64| grouped(&value.to_string());
        writeln!(
            out,
            "  {} journal entries of {} members refolded into {} accounts, every hash checked: {} problems",
            number(report.entries),
            number(report.members),
            number(report.accounts),
            report.problems.len(),
        )?;
        for problem in &report.problems {
            writeln!(out, "  {problem}")?;
        }
        writeln!(
            out,
            "  {} events wait in the outbox to be delivered",
            number(waiting)
        )?;
        Ok(report)
    }
}

/// A local day as a date.
pub(super) fn date(day: i32) -> String {
    LocalDate::from_day(day).map_or_else(|_| String::new(), |date| date.to_string())
}
