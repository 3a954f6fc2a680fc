//! What the rows of a table are granted, as columns: one row a grant, in row and rule order.

use std::sync::Arc;

use arrow_array::builder::{Decimal128Builder, UInt64Builder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use rewards_core::cashback::Evaluation;
use rewards_core::program::CompiledProgram;

/// Digits of an amount: all that 64-bit minor units have at the finest scale there is, and some.
const PRECISION: u8 = 28;

/// Collects grants.
pub(super) struct Grants<'p> {
    program: &'p CompiledProgram,
    scale: i8,
    rows: UInt64Builder,
    rules: Vec<i32>,
    desired: Decimal128Builder,
    granted: Decimal128Builder,
    /// What one minor unit is at the common scale, by rule.
    units: Vec<i128>,
    names: ArrayRef,
    assets: Assets,
}

/// The asset of each rule, as codes of a dictionary.
struct Assets {
    codes: Vec<i32>,
    names: ArrayRef,
}

impl<'p> Grants<'p> {
    /// Amounts are given at the finest scale of any asset that the program grants.
    pub fn new(program: &'p CompiledProgram) -> Self {
        let rules = program.rules();
        let scale = rules.iter().map(|rule| rule.asset.scale()).max();
        let scale = scale.unwrap_or(0);
        let unit = |decimals: u8| 10_i128.pow(u32::from(scale.saturating_sub(decimals)));
        let names = rules.iter().map(|rule| Some(rule.id.as_str()));
        let mut assets: Vec<String> = rules.iter().map(|rule| rule.asset.to_string()).collect();
        assets.sort_unstable();
        assets.dedup();
        let code = |asset: String| assets.binary_search(&asset).ok();
        let codes = rules.iter().map(|rule| {
            let code = code(rule.asset.to_string()).unwrap_or(0);
            i32::try_from(code).unwrap_or(0)
        });
        Self {
            program,
            scale: i8::try_from(scale).unwrap_or(0),
            rows: UInt64Builder::new(),
            rules: Vec::new(),
            desired: Decimal128Builder::new(),
            granted: Decimal128Builder::new(),
            units: rules.iter().map(|rule| unit(rule.asset.scale())).collect(),
            names: Arc::new(names.collect::<StringArray>()),
            assets: Assets {
                codes: codes.collect(),
                names: Arc::new(StringArray::from(assets.clone())),
            },
        }
    }

    /// Adds what one row is granted.
    pub fn push(&mut self, row: usize, evaluation: &Evaluation) {
        for grant in &evaluation.grants {
            let unit = usize::try_from(grant.rule).ok();
            let unit = unit.and_then(|rule| self.units.get(rule)).copied();
            let unit = unit.unwrap_or(1);
            self.rows.append_value(row as u64);
            self.rules
                .push(i32::try_from(grant.rule).unwrap_or(i32::MAX));
            self.desired.append_value(i128::from(grant.desired) * unit);
            self.granted.append_value(i128::from(grant.granted) * unit);
        }
    }

    /// The columns: `row` counted from 0, `rule`, `asset`, `desired` before caps, and `granted`.
    pub fn schema(&self) -> SchemaRef {
        let words = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let amount = || DataType::Decimal128(PRECISION, self.scale);
        Arc::new(Schema::new(vec![
            Field::new("row", DataType::UInt64, false),
            Field::new("rule", words(), false),
            Field::new("asset", words(), false),
            Field::new("desired", amount(), false),
            Field::new("granted", amount(), false),
        ]))
    }

    /// Everything collected so far, as a batch of its own.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        let rules = std::mem::take(&mut self.rules);
        let assets = rules.iter().map(|rule| {
            let at = usize::try_from(*rule).ok();
            at.and_then(|at| self.assets.codes.get(at)).copied()
        });
        let assets: Int32Array = assets.collect();
        let words = |codes: Int32Array, names: &ArrayRef| {
            DictionaryArray::<Int32Type>::try_new(codes, Arc::clone(names))
        };
        let amounts = |builder: &mut Decimal128Builder| {
            builder
                .finish()
                .with_precision_and_scale(PRECISION, self.scale)
        };
        debug_assert_eq!(
            self.program.rules().len(),
            self.units.len(),
            "one unit a rule"
        );
        RecordBatch::try_new(
            schema,
            vec![
                Arc::new(self.rows.finish()),
                Arc::new(words(Int32Array::from(rules), &self.names)?),
                Arc::new(words(assets, &self.assets.names)?),
                Arc::new(amounts(&mut self.desired)?),
                Arc::new(amounts(&mut self.granted)?),
            ],
        )
    }
}
