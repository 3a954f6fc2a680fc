//! The JSON Schema of a program names everything that a document may hold.

use std::fs;
use std::path::Path;

use rewards_core::program::Program;
use serde_json::Value;

/// Every field and every name of a choice; a new one belongs here and into the schema.
const NAMES: &[&str] = &[
    "active",
    "all",
    "amount",
    "amount_at_least",
    "anniversary",
    "any",
    "asset",
    "at_least",
    "at_most",
    "attribute",
    "balance",
    "bands",
    "base",
    "before",
    "below",
    "benefits",
    "best",
    "bill_type",
    "biller",
    "budgets",
    "calendar",
    "cap_multiplier",
    "caps",
    "carry",
    "cashback",
    "category",
    "channel",
    "confirmation",
    "country",
    "currency",
    "dates",
    "days",
    "deposits",
    "discounts",
    "downgrade",
    "drop",
    "earned",
    "effect",
    "end_of_month",
    "every",
    "except_category",
    "except_sku",
    "exclusive",
    "expires",
    "expires_after_minutes",
    "expiry",
    "extra_rate",
    "factor",
    "fee",
    "first",
    "fixed",
    "from",
    "funded_by",
    "goods",
    "grace_days",
    "gross",
    "half_even",
    "id",
    "keys",
    "keep",
    "ladder",
    "ladders",
    "lifecycle",
    "lifetime",
    "limit",
    "line",
    "lowest",
    "main",
    "marginal",
    "maximum",
    "measure",
    "member",
    "merchant",
    "minimum",
    "mode",
    "months",
    "multiplier",
    "name",
    "net",
    "never",
    "none",
    "nothing",
    "of",
    "one_of",
    "one_step",
    "original",
    "other_side",
    "paid_by",
    "payment_method",
    "pending",
    "per",
    "per_day",
    "per_month",
    "per_unit",
    "percent",
    "points",
    "priority",
    "proportional",
    "providers",
    "purchase",
    "purchase_number",
    "purpose",
    "quantity_at_least",
    "rate",
    "receiver",
    "remainder",
    "renew",
    "reward",
    "round",
    "rounding",
    "rules",
    "running",
    "scope",
    "segment",
    "sender",
    "shipping",
    "sku",
    "slab",
    "spend",
    "stacking",
    "stacking_group",
    "stacking_groups",
    "store",
    "tag",
    "tax",
    "threshold",
    "through",
    "tier",
    "tier_benefits",
    "tiers",
    "time_of_day",
    "to_eligible",
    "tolerance_seconds",
    "transfers",
    "units",
    "until",
    "uses",
    "visits",
    "void_after_days",
    "week_start",
    "weekday",
    "when",
    "window",
    "window_count",
    "window_sum",
    "without",
    "zone",
];

#[test]
fn the_schema_names_every_field() {
    let schema = serde_json::to_value(Program::json_schema()).unwrap();
    let mut named = Vec::new();
    collect(&schema, &mut named);
    let missing: Vec<_> = NAMES
        .iter()
        .filter(|name| !named.contains(&(**name).to_owned()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(
        schema["required"],
        serde_json::json!(["id", "currency", "zone"])
    );
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["Rate"]["type"], "string");
}

/// The files that editors and the Python package use. `REWARDS_WRITE_SCHEMA=1` writes them anew.
const FILES: [&str; 2] = [
    "../docs/program.schema.json",
    "../bindings-python/python/rewards/program.schema.json",
];

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the core does no I/O; this test reads and writes what ships"
)]
fn the_schema_files_are_those_of_this_version() {
    let schema = serde_json::to_string_pretty(&Program::json_schema()).unwrap() + "\n";
    for file in FILES {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if std::env::var_os("REWARDS_WRITE_SCHEMA").is_some() {
            fs::write(&file, &schema).unwrap();
        }
        let shipped = fs::read_to_string(&file).unwrap_or_default();
        assert!(shipped == schema, "{} is old", file.display());
    }
}

/// All names of properties and all values of choices.
fn collect(schema: &Value, named: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field) {
                    ("properties", Value::Object(properties)) => {
                        named.extend(properties.keys().cloned())
                    }
                    ("const", Value::String(choice)) => named.push(choice.clone()),
                    ("enum", Value::Array(choices)) => {
                        named.extend(choices.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                collect(field, named);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, named)),
        _ => {}
    }
}
