//! What the rows of a table are granted, as columns: one row a grant, in row and rule order.

use std::sync::Arc;

use arrow_array::types::{Decimal128Type, Int32Type};
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch,
    StringArray, UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use rewards_core::cashback::Grant;
use rewards_core::money::Asset;
use rewards_core::program::CompiledProgram;

/// Digits of an amount: all that 64-bit minor units have at the finest scale there is, and some.
const PRECISION: u8 = 28;

/// How the grants of one program are written down: `row` counted from 0, `rule`, `asset`, `desired` before caps, and
/// `granted`. Amounts are given at the finest scale of any asset that the program grants.
#[derive(Debug)]
pub(super) struct GrantFormat {
    schema: SchemaRef,
    scale: i8,
    /// That of the first asset. There is rarely another, and then no list has to be looked into.
    first: RuleFormat,
    /// By rule; empty where all are alike.
    rules: Vec<RuleFormat>,
    rule_names: ArrayRef,
    asset_names: ArrayRef,
}

#[derive(Debug, Clone, Copy)]
struct RuleFormat {
    /// What one minor unit is at the common scale.
    unit: i64,
    /// The asset's place in the dictionary.
    asset: i32,
}

impl GrantFormat {
    /// The format for the rules of a program.
    pub fn new(program: &CompiledProgram) -> Self {
        let rules = program.rules();
        let mut assets: Vec<Asset> = rules.iter().map(|rule| rule.asset).collect();
        assets.sort_unstable();
        assets.dedup();
        let scale = assets.iter().map(|asset| asset.scale()).max().unwrap_or(0);
        let format = |asset: Asset| {
            let code = assets.binary_search(&asset).ok();
            RuleFormat {
                unit: 10_i64.pow(u32::from(scale.saturating_sub(asset.scale()))),
                asset: code.and_then(|code| i32::try_from(code).ok()).unwrap_or(0),
            }
        };
        let scale = i8::try_from(scale).unwrap_or(0);
        let words = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let amount = || DataType::Decimal128(PRECISION, scale);
        let schema = Schema::new(vec![
            Field::new("row", DataType::UInt64, false),
            Field::new("rule", words(), false),
            Field::new("asset", words(), false),
            Field::new("desired", amount(), false),
            Field::new("granted", amount(), false),
        ]);
        let rule_names = rules.iter().map(|rule| Some(rule.id.as_str()));
        let asset_names = assets.iter().map(|asset| Some(asset.to_string()));
        Self {
            schema: Arc::new(schema),
            scale,
            first: assets
                .first()
                .map_or(RuleFormat { unit: 1, asset: 0 }, |asset| format(*asset)),
            rules: rules
                .iter()
                .filter(|_| assets.len() > 1)
                .map(|rule| format(rule.asset))
                .collect(),
            rule_names: Arc::new(rule_names.collect::<StringArray>()),
            asset_names: Arc::new(asset_names.collect::<StringArray>()),
        }
    }

    /// Whether there is more than one asset.
    #[inline]
    fn has_assets(&self) -> bool {
        !self.rules.is_empty()
    }

    #[inline]
    fn of(&self, rule: u32) -> RuleFormat {
        let number = usize::try_from(rule).ok();
        let own = number.and_then(|number| self.rules.get(number));
        own.copied().unwrap_or(self.first)
    }

    /// The columns.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Collects grants.
pub(super) struct Grants<'f> {
    format: &'f GrantFormat,
    rows: Vec<u64>,
    rules: Vec<i32>,
    /// Empty where there is one asset only.
    assets: Vec<i32>,
    granted: Vec<i128>,
    /// What was desired where it is not what was granted, by place; few grants are capped.
    capped: Vec<(usize, i128)>,
}

impl<'f> Grants<'f> {
    /// None yet.
    pub fn new(format: &'f GrantFormat) -> Self {
        Self {
            format,
            rows: Vec::new(),
            rules: Vec::new(),
            assets: Vec::new(),
            granted: Vec::new(),
            capped: Vec::new(),
        }
    }

    /// Makes room for one grant for each of so many rows.
    pub fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
        self.rules.reserve(rows);
        self.granted.reserve(rows);
    }

    /// Adds a grant of a row.
    #[inline]
    pub fn push(&mut self, row: usize, grant: &Grant) {
        let format = self.format.of(grant.rule);
        let amount = |minor: i64| i128::from(minor) * i128::from(format.unit);
        self.rows.push(row as u64);
        self.rules
            .push(i32::try_from(grant.rule).unwrap_or(i32::MAX));
        if self.format.has_assets() {
            self.assets.push(format.asset);
        }
        if grant.desired != grant.granted {
            self.capped
                .push((self.granted.len(), amount(grant.desired)));
        }
        self.granted.push(amount(grant.granted));
    }

    /// Everything collected so far, as a batch of its own.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let words = |codes: Vec<i32>, names: &ArrayRef| {
            DictionaryArray::<Int32Type>::try_new(Int32Array::from(codes), Arc::clone(names))
        };
        let amounts = |minor: Vec<i128>| {
            let amounts: PrimitiveArray<Decimal128Type> = Decimal128Array::from(minor);
            amounts.with_precision_and_scale(PRECISION, self.format.scale)
        };
        let granted = std::mem::take(&mut self.granted);
        let assets = if self.format.has_assets() {
            std::mem::take(&mut self.assets)
        } else {
            vec![0; granted.len()]
        };
        let rules = words(std::mem::take(&mut self.rules), &self.format.rule_names)?;
        let assets = words(assets, &self.format.asset_names)?;
        // Where nothing is capped, both columns are the same memory.
        let mut desired = None;
        if !self.capped.is_empty() {
            let mut amounts = granted.clone();
            for (at, amount) in self.capped.drain(..) {
                if let Some(slot) = amounts.get_mut(at) {
                    *slot = amount;
                }
            }
            desired = Some(amounts);
        }
        let granted = amounts(granted)?;
        let desired = desired.map_or_else(|| Ok(granted.clone()), amounts)?;
        RecordBatch::try_new(
            self.format.schema(),
            vec![
                Arc::new(UInt64Array::from(std::mem::take(&mut self.rows))),
                Arc::new(rules),
                Arc::new(assets),
                Arc::new(desired),
                Arc::new(granted),
            ],
        )
    }
}
