//! The peer: the same rules as zen-engine decision tables, compiled once and evaluated many times.
//!
//! It only finds the rates. What is missing to a quote (the tier, the caps, rounding, who is granted what) is not
//! counted against it.

use std::error::Error;
use std::sync::Arc;

use rewards_core::cashback::Purchase;
use serde_json::{Value, json};
use zen_engine::model::DecisionContent;
use zen_engine::{Decision, DecisionEngine, Variable};

use super::workload::PlainRule;

/// Which rows of the table are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// All rows that match: everything a quote needs.
    Collect,
    /// The first row that matches, the rows being sorted by rate: the best base rate and no bonus.
    First,
}

/// A compiled decision table.
#[derive(Debug)]
pub struct Zen {
    decision: Decision,
}

impl Zen {
    /// Loads and compiles a decision.
    pub fn load(text: &str) -> Result<Self, Box<dyn Error>> {
        let content: DecisionContent = serde_json::from_str(text)?;
        let mut decision = DecisionEngine::default().create_decision(Arc::new(content))?;
        decision.compile();
        Ok(Self { decision })
    }

    /// Evaluates a purchase to the table's output.
    pub async fn evaluate(&self, purchase: &Variable) -> Result<Variable, Box<dyn Error>> {
        let response = self.decision.evaluate(purchase.clone()).await;
        Ok(response.map_err(|error| error.to_string())?.result)
    }
}

/// The rules as a decision: input, table, output.
pub fn document(rules: &[PlainRule], hit: Hit) -> Value {
    let mut wanted: Vec<&PlainRule> = rules.iter().collect();
    if hit == Hit::First {
        wanted.retain(|rule| !rule.is_bonus);
        wanted.sort_by_key(|rule| std::cmp::Reverse(rule.basis_points));
    }
    let text = |value: Option<&str>| value.map_or(String::new(), |value| format!("\"{value}\""));
    let rows: Vec<Value> = wanted
        .iter()
        .enumerate()
        .map(|(number, rule)| {
            let at_least = match rule.at_least {
                0 => String::new(),
                cents => format!(">= {cents}"),
            };
            json!({
                "_id": format!("row-{number}"),
                "category": text(rule.category.as_deref()),
                "merchant": text(rule.merchant.as_deref()),
                "channel": text(rule.channel),
                "total": at_least,
                "rate": rule.basis_points.to_string(),
                "bonus": rule.is_bonus.to_string(),
            })
        })
        .collect();
    let input = |name: &str| json!({ "id": name, "name": name, "field": name });
    json!({
        "nodes": [
            { "id": "in", "name": "in", "type": "inputNode", "content": {} },
            { "id": "table", "name": "table", "type": "decisionTableNode", "content": {
                "hitPolicy": if hit == Hit::First { "first" } else { "collect" },
                "inputs": [input("category"), input("merchant"), input("channel"), input("total")],
                "outputs": [input("rate"), input("bonus")],
                "rules": rows,
            } },
            { "id": "out", "name": "out", "type": "outputNode", "content": {} },
        ],
        "edges": [
            { "id": "edge-1", "sourceId": "in", "targetId": "table" },
            { "id": "edge-2", "sourceId": "table", "targetId": "out" },
        ],
    })
}

/// A purchase as the engine's own value, made once outside of what is timed.
pub fn input(purchase: &Purchase) -> Variable {
    json!({
        "category": purchase.category,
        "merchant": purchase.merchant,
        "channel": purchase.channel,
        "total": purchase.total.minor(),
    })
    .into()
}

/// The rates found, in basis points, and whether each is a bonus.
pub fn rates(output: Variable) -> Vec<(u32, bool)> {
    let row = |row: &Value| {
        let rate = row.get("rate").and_then(Value::as_f64).unwrap_or_default();
        let basis_points = (0..=10_000).find(|points| f64::from(*points) >= rate);
        let is_bonus = row.get("bonus").and_then(Value::as_bool);
        (
            basis_points.unwrap_or(u32::MAX),
            is_bonus.unwrap_or_default(),
        )
    };
    match Value::from(output) {
        Value::Array(rows) => rows.iter().map(row).collect(),
        single => vec![row(&single)],
    }
}
