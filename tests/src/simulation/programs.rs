//! The programs of a simulation: small limits that many members fight for, and short lives.

use rewards_core::program::Program;

use super::Failed;

/// The keys of the payment providers, by name.
pub const PROVIDER_KEYS: [&str; 2] = ["bank-1", "card-1"];

/// Cashback and points with every kind of cap, hot budgets, two ladders and rewards that mature, expire and are voided
/// within days. Everything that members have pays orders and can be sent, and money comes in. Coupons of every book take something
/// off, one of them together with those of others. Money goes over three currencies, and payments are assessed.
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
    {"id": "extra", "stacking_group": "base", "when": {"offer": ["extra-points"]},
     "effect": {"fixed": {"amount": "15", "asset": "points"}}, "lifecycle": {"expires": {"days": 5}}},
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
  "offers": {
    "stacking_groups": [{"id": "goods", "base": "running"}, {"id": "shipping", "base": "running"}], "at_most": 3,
    "list": [
      {"id": "tenth", "books": ["book-0", "book-6"], "stacking_group": "goods",
       "effect": {"percent": {"rate": "10%", "at_most": "3.00"}}},
      {"id": "fiver", "books": ["book-2"], "stacking_group": "goods", "minimum": {"amount": "6.00"},
       "effect": {"fixed": {"amount": "5.00"}}},
      {"id": "one-more", "books": ["book-3", "book-1"], "stacking_group": "goods", "priority": 1,
       "effect": {"buy_get": {"buy": {"pieces": 1}, "get": {"pieces": 1}}}},
      {"id": "each-less", "books": ["book-5"], "stacking_group": "goods", "never_with": ["tenth"],
       "effect": {"fixed": {"amount": "0.40", "each": "piece"}}},
      {"id": "leaflet", "books": ["book-7"], "stacking_group": "goods", "effect": {"fixed": {"amount": "1.00"}}},
      {"id": "gift", "books": ["book-8"], "stacking_group": "goods", "effect": {"value": {}}},
      {"id": "extra-points", "books": ["book-4"], "stacking_group": "goods", "effect": {"earn": {}}},
      {"id": "free-shipping", "books": ["book-1", "book-6"], "stacking_group": "shipping",
       "effect": {"shipping": {"rate": "100%"}}}
    ]
  },
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
  ],
  "refunds": {"rewards": "proportional", "shortfall": "debt",
    "chargebacks": {"rewards": "proportional", "shortfall": "stop_at_zero"}},
  "redemptions": {"order": ["main", "cashback",
      {"unit": {"asset": "points", "value": {"units": "3", "money": "0.02"}, "floor": "5", "step": "2"}}],
    "expires_after_minutes": 1500, "returned_late": "expire"},
  "transfers": [
    {"id": "gift", "fee": {"fixed": "0.02", "percent": "3%", "paid_by": "sender"}, "per_day": "3.00",
     "expiry": "keep", "other_side": "id"},
    {"id": "points-gift", "asset": "points", "fee": {"fixed": "2", "paid_by": "receiver"}, "per_month": "400",
     "expiry": {"renew": {"days": 3}}}
  ],
  "deposits": {"minimum": "0.50", "maximum": "19.00", "expires_after_minutes": 600, "tolerance_seconds": 3600,
    "providers": [{"id": "bank", "keys": ["bank-1"]}, {"id": "card", "keys": ["card-1"]}]},
  "fx": {"sources": ["ecb"], "pivots": ["EUR"], "age_days": 30, "quote_seconds": 86400, "rules": [
    {"id": "travel", "from": ["EUR"], "to": ["USD"], "markup": "2.5%",
     "fee": {"currency": "EUR", "charge": {"fixed": "0.02", "percent": "1%"}}},
    {"id": "home", "from": ["USD"], "to": ["EUR"], "markup": "1%",
     "fee": {"currency": "EUR", "charge": {"fixed": "0.01", "paid_by": "receiver"}}},
    {"id": "across", "from": ["USD"], "to": ["GBP"], "expiry": "never"},
    {"id": "own", "from": ["EUR"], "to": ["GBP"], "purpose": "main", "markup": "0.5%"}]},
  "risk": {"keys": ["device"],
    "features": [
      {"id": "amount", "value": {"amount": {}}},
      {"id": "often", "value": {"count": {"by": "member", "within": {"hours": 48}}}},
      {"id": "device-sum", "value": {"sum": {"by": "device", "within": {"days": 3}}}},
      {"id": "members", "value": {"distinct": {"of": "member", "by": "device", "within": {"days": 7}}}},
      {"id": "bad", "value": {"bad": {"by": "device", "days": 14}}}],
    "scorecard": {"base": 5,
      "rules": [
        {"id": "amount", "feature": "amount",
         "bands": [{"until": 2000, "points": 0}, {"from": 2000, "until": 8000, "points": 10}, {"from": 8000, "points": 25}]},
        {"id": "often", "feature": "often", "bands": [{"until": 2, "points": 0}, {"from": 2, "points": 15}]},
        {"id": "device-sum", "feature": "device-sum", "bands": [{"until": 20000, "points": 0}, {"from": 20000, "points": 10}],
         "unknown": "review"},
        {"id": "members", "feature": "members", "bands": [{"until": 5, "points": 0}, {"from": 5, "points": 10}]},
        {"id": "bad", "feature": "bad", "bands": [{"until": 1, "points": 0}, {"from": 1, "points": 20}]}],
      "combinations": [{"id": "large-and-often", "points": 15,
        "all": [{"feature": "amount", "from": 8000}, {"feature": "often", "from": 2}]}],
      "review_at": 12, "block_at": 55},
    "lists": [{"id": "friends", "by": "member", "then": "allow"}, {"id": "stolen", "by": "device", "then": "block"}],
    "reviews": {"expires_after_minutes": 2880, "then": "approve"}},
  "payments": {"attempts": 2, "hold_minutes": 900, "refunded_fee": "returned",
    "routes": [
      {"id": "bank", "minimum": "0.10", "maximum": "40.00",
       "fees": [{"fee": {"fixed": "0.05"}}, {"from": "2.00", "fee": {"percent": "3%", "paid_by": "receiver"}}]},
      {"id": "card", "fees": [{"fee": {"percent": "2%"}}]},
      {"id": "old", "status": "paused"}],
    "billers": [{"id": "power", "routes": ["bank"]}],
    "declines": {"hard": ["stolen"], "soft": ["busy"]}},
  "pipeline": {"stages": [{"id": "screen", "critical": true}, {"id": "notify", "at": "report"}]},
  "tokens": {"issuer": "shop", "minimum": "0.20", "maximum": "9.00", "lifetime_minutes": 1200, "settle_minutes": 1500,
    "revocation_minutes": 240, "active": 3, "active_amount": "9.00", "active_per_device": 2, "spend_maximum": "4.00", "spends": 4},
  "qr": {"expiry": {"seconds": 40000}}
}"#;

/// A second program of the same members and the same currency: its lots mix with those of the first. Whoever gives back so much
/// that less than the threshold is left loses what was granted for reaching it.
const CAFE: &str = r#"{
  "id": "cafe", "currency": "EUR", "zone": "UTC",
  "rules": [
    {"id": "cup", "effect": {"fixed": {"amount": "0.30"}}, "caps": ["cups-day"], "budgets": ["cups-total"],
     "lifecycle": {"expires": {"days": 1}}},
    {"id": "large", "when": {"amount": {"at_least": "20.00"}}, "effect": {"percent": {"rate": "4%"}},
     "lifecycle": {"expires": {"days": 3}}}
  ],
  "caps": [{"id": "cups-day", "per": "member", "every": "day", "limit": {"amount": {"amount": "0.70"}}}],
  "budgets": [{"id": "cups-total", "amount": "9.00"}],
  "ladders": [
    {"id": "spender", "measure": {"spend": "net"}, "window": {"calendar": "month"}, "downgrade": "to_eligible",
     "tiers": [{"id": "low", "threshold": "0"}, {"id": "high", "threshold": "60.00"}]}
  ],
  "offers": {
    "prices": "without_tax", "combination": "best", "without_effect": "use", "returned_by": "cancellation",
    "stacking_groups": [{"id": "all", "base": "original"}],
    "list": [
      {"id": "fifth", "books": ["book-0", "book-4", "book-6"], "effect": {"percent": {"rate": "20%"}}},
      {"id": "half-shipping", "books": ["book-2"], "effect": {"shipping": {"rate": "50%", "at_most": "1.50"}}},
      {"id": "cheapest", "books": ["book-2", "book-3", "book-5"],
       "effect": {"pieces": {"which": "cheapest", "pieces": 1, "rate": "50%"}}}
    ]
  },
  "refunds": {"rewards": "recheck", "shortfall": "debt", "chargebacks": {"rewards": "keep"}},
  "redemptions": {"order": ["cashback", "main"], "max_share": "50%", "expires_after_minutes": 2000,
    "returned_late": {"grace_days": 2}},
  "transfers": [{"id": "money", "purpose": "main", "fee": {"percent": "1%", "minimum": "0.03", "paid_by": "receiver"}}]
}"#;

/// The programs as first published, and the revision of the first one that follows in mid-run: another rate under the
/// same limits, and other refunds.
///
/// # Errors
/// When a document cannot be read, which is a mistake in this file.
pub fn documents() -> Result<(Vec<Program>, Program), Failed> {
    let shop: Program = serde_json::from_str(SHOP)?;
    let cafe: Program = serde_json::from_str(CAFE)?;
    let other_rate = SHOP.replace(r#""rate": "5%""#, r#""rate": "7.5%""#);
    let owed = r#""shortfall": "debt""#;
    let other_refunds = other_rate.replace(owed, r#""shortfall": "stop_at_zero""#);
    let kept = r#""chargebacks": {"rewards": "keep"#;
    let revised = other_refunds.replace(r#""chargebacks": {"rewards": "proportional"#, kept);
    let revised = serde_json::from_str(&revised)?;
    Ok((vec![shop, cafe], revised))
}
