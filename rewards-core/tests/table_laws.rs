//! A table of purchases is granted what quotes of newcomers are granted, whatever the program and the purchases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use std::collections::BTreeMap;

use crate::support::programs::any_program;
use crate::world::{World, at, member, program};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rewards_core::cashback::{Grant, Purchase};
use rewards_core::ids::Slug;
use rewards_core::money::Money;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{
    GrantedReward, QuotePurchase, StatelessQuote, StatelessRow, StatelessRows,
};
use rewards_core::program::{CompiledProgram, Fact, Lifecycle, Program};
use rewards_core::rejection::Rejection;
use rewards_core::time::Timestamp;

const HEAD: &str = r#"
zone = "Europe/Berlin"
units = [{ asset = "points" }, { asset = "stars/2" }]
stacking_groups = [
    { id = "all" },
    { id = "best", stacking = "best" },
    { id = "lowest", stacking = "lowest" },
    { id = "first", stacking = "first" },
    { id = "times", base = "running" },
]
caps = [
    { id = "tx", per = "purchase", limit = { amount = { amount = "3" } } },
    { id = "small", per = "purchase", limit = { amount = { amount = "0.75" } } },
    { id = "day", per = "member", every = "day", limit = { amount = { amount = "6" } } },
    { id = "monthly", per = "member", every = "month", limit = { amount = { amount = "300", asset = "points" } } },
    { id = "device", per = { attribute = "a" }, limit = { amount = { amount = "8" } } },
    { id = "twice", per = "member", every = "week", limit = { uses = 2 } },
    { id = "nothing", per = "member", limit = { amount = { amount = "0" } } },
]
budgets = [{ id = "launch", amount = "2.50" }]
"#;

/// What the lowest tier gives to everybody.
const BENEFITS: [&str; 3] = [
    "",
    r#", benefits = { extra_rate = "0.37%", cap_multiplier = "1.5" }"#,
    r#", benefits = { multiplier = "1.25" }"#,
];

/// Rules without their ids; each is named by its place here. The order of the stacking groups is that of the document.
const RULES: &[&str] = &[
    r#"effect = { percent = { rate = "1.7%" } }"#,
    r#"effect = { percent = { rate = "2.5%", of = "gross" } }
    rounding = "down"
    caps = ["tx", "day"]"#,
    r#"effect = { percent = { rate = "3%", of = { without = ["tax", "shipping"] } } }
    tier_benefits = false
    caps = ["tx", "small"]"#,
    r#"when = { all = [{ category = ["a", "b c"] }, { merchant = ["a", "5411"] }] }
    effect = { percent = { rate = "4.5%" } }
    rounding = "half_up""#,
    r#"when = { all = [{ category = ["5411"] }, { merchant = ["b c", "true"] }] }
    priority = 2
    effect = { percent = { rate = "0.01%" } }
    rounding = "toward_member""#,
    r#"when = { all = [{ category = ["a"] }, { amount = { at_least = "20", below = "150" } }] }
    budgets = ["launch"]
    effect = { fixed = { amount = "1.23" } }"#,
    r#"when = { any = [{ channel = ["a"] }, { amount = { of = "goods", at_least = "80" } }] }
    caps = ["device"]
    effect = { fixed = { amount = "2" } }"#,
    r#"active = { from = "2026-01-01", through = "2026-06-30" }
    effect = { percent = { rate = "6%" } }"#,
    r#"when = { weekday = ["monday", "sunday"] }
    effect = { fixed = { amount = "3", asset = "points" } }"#,
    r#"when = { time_of_day = { from = "22:00", until = "06:30" } }
    effect = { fixed = { amount = "0.50", asset = "stars/2" } }
    caps = ["twice"]"#,
    r#"effect = { per_unit = { amount = "1", asset = "points", every = "7", remainder = "carry" } }
    caps = ["monthly"]"#,
    r#"when = { purchase_number = { at_most = 1 } }
    effect = { bands = { mode = "marginal", bands = [{ from = "0", reward = { rate = "1%" } }, { from = "50", reward = { rate = "2.5%" } }] } }"#,
    r#"when = { tier = { ladder = "spend", at_least = "low" } }
    effect = { percent = { rate = "0.9%" } }
    caps = ["nothing"]"#,
    r#"scope = "line"
    when = { line = { sku = ["a"] } }
    effect = { percent = { rate = "3%" } }"#,
    r#"stacking_group = "best"
    effect = { percent = { rate = "2%" } }"#,
    r#"stacking_group = "best"
    effect = { percent = { rate = "2%", of = "gross" } }
    caps = ["day"]"#,
    r#"stacking_group = "best"
    when = { none = [{ category = ["a"] }] }
    effect = { fixed = { amount = "1.50" } }"#,
    r#"stacking_group = "lowest"
    when = { merchant = ["a", "b c"] }
    effect = { percent = { rate = "2.2%" } }"#,
    r#"stacking_group = "lowest"
    effect = { fixed = { amount = "0.80" } }"#,
    r#"stacking_group = "lowest"
    when = { tag = ["a"] }
    effect = { fixed = { amount = "0.10" } }"#,
    r#"stacking_group = "first"
    effect = { per_unit = { amount = "2", asset = "points", every = "90", remainder = "carry" } }"#,
    r#"stacking_group = "first"
    priority = 1
    when = { attribute = { name = "a", at_least = "3" } }
    effect = { fixed = { amount = "9", asset = "points" } }"#,
    r#"stacking_group = "first"
    exclusive = ["promo"]
    effect = { fixed = { amount = "0.30" } }"#,
    r#"stacking_group = "times"
    exclusive = ["promo"]
    when = { category = ["true", "a"] }
    effect = { percent = { rate = "5%" } }"#,
    r#"stacking_group = "times"
    when = { category = ["5411", "b c"] }
    effect = { multiplier = { factor = "1.5" } }"#,
];

/// A rule of so many values of four facts that their combinations do not fit a table.
fn wide_rule() -> String {
    let values: Vec<String> = (0..30).map(|n| format!("\"v{n}\"")).collect();
    let values = values.join(", ");
    format!(
        "[[rules]]\nid = \"wide\"\nwhen = {{ any = [{{ biller = [{values}] }}, {{ bill_type = [{values}] }}, \
         {{ store = [{values}] }}, {{ country = [{values}] }}] }}\neffect = {{ percent = {{ rate = \"1%\" }} }}\n"
    )
}

fn some_program() -> impl Strategy<Value = Program> {
    let numbers = subsequence((0..RULES.len()).collect::<Vec<_>>(), 1..RULES.len());
    (numbers, select(&BENEFITS[..]), any::<bool>()).prop_map(|(numbers, benefits, is_wide)| {
        let rule = |number: &usize| format!("[[rules]]\nid = \"r{number:02}\"\n{}\n", RULES[*number]);
        let rules: String = numbers.iter().map(rule).collect();
        let wide = if is_wide { wide_rule() } else { String::new() };
        let ladder = format!(
            "[[ladders]]\nid = \"spend\"\nmeasure = {{ spend = \"gross\" }}\nwindow = {{ calendar = \"month\" }}\n\
             downgrade = \"to_eligible\"\ntiers = [{{ id = \"low\", threshold = \"0\"{benefits} }}, \
             {{ id = \"mid\", threshold = \"200\", benefits = {{ multiplier = \"3\" }} }}]\n"
        );
        program(&format!("{HEAD}{rules}{wide}{ladder}"))
    })
}

/// Any valid program, but that what it grants never expires: a table says nothing of when.
fn any_timeless_program() -> impl Strategy<Value = Program> {
    any_program().prop_map(|mut program| {
        program.lifecycle = Lifecycle::default();
        for rule in &mut program.rules {
            rule.lifecycle = None;
        }
        program
    })
}

/// A purchase as its total and parts in minor units, facts, tags and attributes.
#[derive(Debug, Clone)]
struct Row {
    occurred_at: Timestamp,
    total: i64,
    parts: [i64; 4],
    facts: Vec<(Fact, String)>,
    tags: Vec<String>,
    attributes: BTreeMap<String, String>,
}

fn word() -> impl Strategy<Value = String> {
    select(vec![
        "a",
        "b c",
        "5411",
        "true",
        "ä'\"\\",
        "v7",
        "unheard of",
    ])
    .prop_map(str::to_owned)
}

fn row() -> impl Strategy<Value = Row> {
    let instant = prop_oneof![
        8 => at("2026-01-01").micros()..at("2026-12-31").micros(),
        1 => Timestamp::MIN.micros()..=Timestamp::MAX.micros(),
        1 => Just(Timestamp::MAX.micros()),
    ];
    let total = prop_oneof![12 => 1..40_000_i64, 2 => 1..=i64::MAX, 1 => -5..=0_i64];
    let part = || prop_oneof![3 => Just(0_i64), 2 => 0..300_i64, 1 => Just(-1_i64)];
    let parts = prop_oneof![2 => Just([0; 4]), 1 => [part(), part(), part(), part()]];
    let facts = subsequence(Fact::ALL.to_vec(), 0..=Fact::ALL.len()).prop_flat_map(|facts| {
        vec(word(), facts.len()).prop_map(move |w| std::iter::zip(facts.clone(), w).collect())
    });
    let value = prop_oneof![word(), (0..9_u8).prop_map(|number| number.to_string())];
    let texts = (vec(word(), 0..3), btree_map(word(), value, 0..3));
    (instant, total, parts, facts, texts).prop_map(
        |(micros, total, parts, facts, (tags, attributes))| Row {
            occurred_at: Timestamp::from_micros(micros).unwrap(),
            total,
            parts,
            facts,
            tags,
            attributes,
        },
    )
}

impl Row {
    fn purchase(&self, program: &Program, number: usize) -> Purchase {
        let money = |minor| Money::new(minor, program.currency.into());
        let part = |at: usize| (self.parts[at] != 0).then(|| money(self.parts[at]));
        let (id, who) = (format!("p{number}"), member(&format!("m{number}")));
        let mut purchase = Purchase::new(
            id.parse().unwrap(),
            who,
            program.id.clone(),
            self.occurred_at,
            money(self.total),
        );
        (purchase.discounts, purchase.fee) = (part(0), part(1));
        (purchase.tax, purchase.shipping) = (part(2), part(3));
        for (fact, word) in &self.facts {
            let slot = match fact {
                Fact::Category => &mut purchase.category,
                Fact::Merchant => &mut purchase.merchant,
                Fact::Biller => &mut purchase.biller,
                Fact::BillType => &mut purchase.bill_type,
                Fact::Channel => &mut purchase.channel,
                Fact::PaymentMethod => &mut purchase.payment_method,
                Fact::Store => &mut purchase.store,
                Fact::Country => &mut purchase.country,
            };
            *slot = Some(word.clone());
        }
        purchase.tags = self.tags.clone();
        purchase.attributes = self.attributes.clone();
        purchase
    }

    fn stateless(&self, program: &CompiledProgram, purchase: &Purchase) -> StatelessRow {
        let [discounts, fee, tax, shipping] = self.parts;
        StatelessRow {
            occurred_at: self.occurred_at,
            total: self.total,
            discounts,
            fee,
            tax,
            shipping,
            symbols: program.fact_symbols(|fact| purchase.fact(fact)),
        }
    }
}

/// Rule, desired, granted, and what clipped it.
type Granted = (Slug, Money, Money, Option<Slug>);

fn by_table(program: &CompiledProgram, grants: &[Grant]) -> Vec<Granted> {
    let granted = grants.iter().map(|grant| {
        let rule = program.rule(grant.rule).unwrap();
        assert_eq!(grant.line, None);
        let cap = grant
            .clipped_by
            .map(|cap| program.cap(cap).unwrap().id.clone());
        let money = |minor| Money::new(minor, rule.asset);
        (
            rule.id.clone(),
            money(grant.desired),
            money(grant.granted),
            cap,
        )
    });
    granted.collect()
}

fn by_quote(grants: Vec<GrantedReward>) -> Vec<Granted> {
    let granted = grants.into_iter();
    granted
        .map(|g| (g.rule, g.desired, g.granted, g.clipped_by))
        .collect()
}

/// What a table and what quotes make of the same rows, one after the other.
fn agree(document: &Program, rows: &[Row]) -> Result<(), TestCaseError> {
    let compiled = CompiledProgram::compile(document.clone(), 1, Timestamp::MIN).unwrap();
    let mut stateless = StatelessQuote::new(&compiled);
    let mut world = World::empty();
    world.now = Timestamp::MIN;
    let publish = PublishProgram {
        program: document.clone(),
        active_from: Some(Timestamp::MIN),
    };
    world.run_as("publish", &publish).unwrap();
    for (number, row) in rows.iter().enumerate() {
        let purchase = row.purchase(document, number);
        stateless.set_facts(purchase.tags.clone(), purchase.attributes.clone());
        let found = stateless.evaluate(&row.stateless(&compiled, &purchase));
        world.now = row.occurred_at;
        let register = RegisterMember::new(purchase.member.clone());
        world.run(&register).unwrap();
        let quote = QuotePurchase {
            coupons: Vec::new(),
            purchase,
            explain: false,
        };
        let alone = quote.quote_new_member(&world.context());
        let quoted = world.run(&quote);
        prop_assert_eq!(&alone, &quoted);
        match (found, quoted) {
            (Ok(found), Ok(quoted)) => {
                let found = by_table(&compiled, found);
                prop_assert_eq!(
                    found,
                    by_quote(quoted.decision.grants),
                    "row {}: {:?}",
                    number,
                    row
                );
            }
            (Err(Rejection::Invalid(found)), Err(Rejection::Invalid(expected))) => {
                let found = found.into_iter().map(|problem| problem.below("purchase"));
                prop_assert_eq!(found.collect::<Vec<_>>(), expected);
            }
            (found, quoted) => {
                let found = found.map(|grants| by_table(&compiled, grants));
                let quoted = quoted.map(|quoted| by_quote(quoted.decision.grants));
                prop_assert_eq!(found, quoted, "row {}: {:?}", number, row);
            }
        }
    }
    Ok(())
}

/// Rows by column; without `parts` their columns are absent, as in most tables.
struct Columns {
    occurred_at: Vec<Timestamp>,
    total: Vec<i64>,
    parts: Option<[Vec<i64>; 4]>,
    symbols: Vec<(Fact, Vec<u32>)>,
}

impl Columns {
    fn new(rows: &[StatelessRow]) -> Self {
        let column = |of: fn(&StatelessRow) -> i64| rows.iter().map(of).collect::<Vec<_>>();
        let parts = [
            column(|row| row.discounts),
            column(|row| row.fee),
            column(|row| row.tax),
            column(|row| row.shipping),
        ];
        let has_parts = parts.iter().flatten().any(|part| *part != 0);
        let symbols = |fact: Fact| rows.iter().map(|row| row.symbols[fact as usize]).collect();
        let facts = Fact::ALL.into_iter();
        Self {
            occurred_at: rows.iter().map(|row| row.occurred_at).collect(),
            total: column(|row| row.total),
            parts: has_parts.then_some(parts),
            symbols: facts
                .map(|fact| (fact, symbols(fact)))
                .filter(|(_, symbols): &(Fact, Vec<u32>)| symbols.iter().any(|symbol| *symbol != 0))
                .collect(),
        }
    }

    fn rows(&self) -> StatelessRows<'_> {
        let part = |at: usize| self.parts.as_ref().map(|parts| parts[at].as_slice());
        StatelessRows {
            occurred_at: &self.occurred_at,
            total: &self.total,
            parts: [part(0), part(1), part(2), part(3)],
            symbols: &self.symbols,
        }
    }
}

/// The same rows without parts of their totals.
fn bare(rows: &[Row]) -> Vec<Row> {
    let bare = |row: &Row| Row {
        parts: [0; 4],
        ..row.clone()
    };
    rows.iter().map(bare).collect()
}

/// What comes of evaluating rows together is what comes of each by itself.
fn agree_together(document: &Program, rows: &[Row]) -> Result<(), TestCaseError> {
    let compiled = CompiledProgram::compile(document.clone(), 1, Timestamp::MIN).unwrap();
    let row =
        |(number, row): (usize, &Row)| row.stateless(&compiled, &row.purchase(document, number));
    let rows: Vec<StatelessRow> = rows.iter().enumerate().map(row).collect();
    let mut alone = StatelessQuote::new(&compiled);
    let mut expected: Vec<(usize, Grant)> = Vec::new();
    let mut refused: Vec<(usize, Vec<_>)> = Vec::new();
    let mut end = Ok(());
    for (at, row) in rows.iter().enumerate() {
        match alone.evaluate(row) {
            Ok(grants) => expected.extend(grants.iter().map(|grant| (at, *grant))),
            Err(Rejection::Invalid(problems)) => refused.push((at, problems)),
            Err(rejection) => {
                end = Err(rejection);
                break;
            }
        }
    }
    let columns = Columns::new(&rows);
    let mut together = StatelessQuote::new(&compiled);
    // Again, with all plans known.
    for _ in 0..2 {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let ended = together.evaluate_all(
            &columns.rows(),
            |at, grant| found.push((at, *grant)),
            |at, of_row| {
                problems.push((at, of_row));
                true
            },
        );
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(&problems, &refused);
        prop_assert_eq!(&ended, &end);
    }
    Ok(())
}

/// A table that names a fact twice is a mistake, and still may not be granted what other facts are.
#[test]
fn of_a_fact_that_is_given_twice_the_last_column_counts() {
    let document = r#"
    id = "main"
    currency = "EUR"
    zone = "UTC"
    rules = [
        { id = "a", when = { category = ["a"] }, effect = { percent = { rate = "1%" } } },
        { id = "b", when = { category = ["b"] }, effect = { percent = { rate = "50%" } } },
    ]
    "#;
    let document = Program::from_toml(document).unwrap();
    let compiled = CompiledProgram::compile(document, 1, Timestamp::MIN).unwrap();
    let [a, b] = ["a", "b"].map(|text| compiled.symbol(Fact::Category, text));
    let occurred_at = [at("2026-03-02"); 5];
    let total = [10_000; 5];
    // The first two have all plans known before the others are looked up; the last column of the last row is missing.
    let symbols = [
        (Fact::Category, vec![0, 0, a, b, b]),
        (Fact::Category, vec![a, b, a, a]),
    ];
    let rows = StatelessRows {
        occurred_at: &occurred_at,
        total: &total,
        parts: [None; 4],
        symbols: &symbols,
    };
    let mut expected = Vec::new();
    let mut alone = StatelessQuote::new(&compiled);
    for number in 0..total.len() {
        let grants = alone.evaluate(&rows.get(number).unwrap()).unwrap();
        expected.extend(grants.iter().map(|grant| (number, grant.granted)));
    }
    assert_eq!(expected, [(0, 100), (1, 5_000), (2, 100), (3, 100)]);
    let mut found = Vec::new();
    let take = |number, grant: &Grant| found.push((number, grant.granted));
    let mut together = StatelessQuote::new(&compiled);
    together
        .evaluate_all(&rows, take, |_, problems| panic!("{problems:?}"))
        .unwrap();
    assert_eq!(found, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_table_gets_what_newcomers_are_quoted(document in some_program(), rows in vec(row(), 1..24)) {
        agree(&document, &rows)?;
        agree_together(&document, &rows)?;
        agree_together(&document, &bare(&rows))?;
    }

    #[test]
    fn so_it_is_for_any_program(document in any_timeless_program(), rows in vec(row(), 1..12)) {
        agree(&document, &rows)?;
        agree_together(&document, &rows)?;
        agree_together(&document, &bare(&rows))?;
    }
}
