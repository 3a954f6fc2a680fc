//! The programs of a simulation: small limits that many members fight for, and short lives.

use rewards_core::program::Program;

use super::Failed;

/// Cashback and points with every kind of cap, hot budgets, two ladders and rewards that mature, expire and are voided
/// within days.
const SHOP: &str = r#"{
  "id": "shop", "currency": "EUR", "zone": "Europe/Berlin",
  "units": [{"asset": "points"}],
  "stacking_groups": [{"id": "base"}, {"id": "bonus", "stacking": "best"}],
  "rules": [
    {"id": "cash", "stacking_group": "base", "effect": {"percent": {"rate": "5%"}},
     "caps": ["cash-purchase", "cash-month"], "budgets": ["cash-total"],
     "lifecycle": {"pending": {"days": 1}, "expires": {"days": 4}}},
    {"id": "device", "stacking_group": "base", "when": {"channel": ["app"]}, "effect": {"fixed": {"amount": "0.50"}},
     "caps": ["device-day"], "budgets": ["device-week"], "lifecycle": {"expires": {"days": 2}}},
    {"id": "points", "stacking_group": "base",
     "effect": {"per_unit": {"amount": "1", "asset": "points", "every": "1.00"}}, "caps": ["points-week"],
     "lifecycle": {"pending": {"confirmation": {"void_after_days": 3}}, "expires": {"days": 6, "round": "end_of_day"}}},
    {"id": "visit", "stacking_group": "base", "effect": {"fixed": {"amount": "10", "asset": "points"}},
     "caps": ["visits-day"], "budgets": ["points-day"]},
    {"id": "welcome", "stacking_group": "bonus", "when": {"purchase_number": {"at_most": 1}},
     "effect": {"fixed": {"amount": "3.00"}}, "funded_by": "marketing",
     "caps": ["welcome-once"], "budgets": ["cash-total"]},
    {"id": "gold", "stacking_group": "bonus", "when": {"tier": {"ladder": "status", "at_least": "gold"}},
     "effect": {"percent": {"rate": "2%"}}, "budgets": ["cash-total"]}
  ],
  "caps": [
    {"id": "cash-purchase", "per": "purchase", "limit": {"amount": {"amount": "4.00"}}},
    {"id": "cash-month", "per": "member", "every": "month", "limit": {"amount": {"amount": "12.00"}}},
    {"id": "device-day", "per": {"attribute": "device"}, "every": "day", "limit": {"amount": {"amount": "1.20"}}},
    {"id": "points-week", "per": "member", "every": "week", "limit": {"amount": {"amount": "250", "asset": "points"}}},
    {"id": "visits-day", "per": "member", "every": "day", "limit": {"uses": 2}},
    {"id": "welcome-once", "per": "member", "limit": {"uses": 1}}
  ],
  "budgets": [
    {"id": "cash-total", "amount": "120.00"},
    {"id": "device-week", "amount": "15.00", "every": "week"},
    {"id": "points-day", "amount": "75", "asset": "points", "every": "day"}
  ],
  "ladders": [
    {"id": "status", "measure": {"earned": "points"}, "window": {"calendar": "week"},
     "downgrade": "one_step", "grace_days": 1,
     "tiers": [
       {"id": "basic", "threshold": "0"},
       {"id": "silver", "threshold": "60", "benefits": {"multiplier": "1.5"}},
       {"id": "gold", "threshold": "200",
        "benefits": {"multiplier": "2", "cap_multiplier": "2", "extra_rate": "1%"}}]},
    {"id": "club", "measure": "visits",
     "tiers": [{"id": "new", "threshold": "0"}, {"id": "regular", "threshold": "4"}]}
  ]
}"#;

/// A second program of the same members and the same currency: its lots mix with those of the first.
const CAFE: &str = r#"{
  "id": "cafe", "currency": "EUR", "zone": "UTC",
  "rules": [
    {"id": "cup", "effect": {"fixed": {"amount": "0.30"}}, "caps": ["cups-day"], "budgets": ["cups-total"],
     "lifecycle": {"expires": {"days": 1}}}
  ],
  "caps": [{"id": "cups-day", "per": "member", "every": "day", "limit": {"amount": {"amount": "0.70"}}}],
  "budgets": [{"id": "cups-total", "amount": "9.00"}],
  "ladders": [
    {"id": "spender", "measure": {"spend": "net"}, "window": {"calendar": "month"}, "downgrade": "to_eligible",
     "tiers": [{"id": "low", "threshold": "0"}, {"id": "high", "threshold": "60.00"}]}
  ]
}"#;

/// The programs as first published, and the revision of the first one that follows in mid-run: another rate under the
/// same limits.
///
/// # Errors
/// When a document cannot be read, which is a mistake in this file.
pub fn documents() -> Result<(Vec<Program>, Program), Failed> {
    let shop: Program = serde_json::from_str(SHOP)?;
    let cafe: Program = serde_json::from_str(CAFE)?;
    let revised = serde_json::from_str(&SHOP.replace(r#""rate": "5%""#, r#""rate": "7.5%""#))?;
    Ok((vec![shop, cafe], revised))
}
