//! Codes: for how long they can be scanned, and through which wallets they are paid.

use std::collections::BTreeSet;

use super::{Checker, PARTS_MAX, fees};
use crate::parse::At;
use crate::qr::{QR_SECONDS_MAX, QR_WALLETS_MAX, QrExpiry};

pub(super) fn check(checker: &mut Checker<'_>) {
    let Some(section) = &checker.program.qr else {
        return;
    };
    let root = At::Root;
    let at = root.field("qr");
    if let Some(QrExpiry::Seconds(seconds)) = section.expiry.filter(|e| e.is_out_of_range()) {
        let words = format!("expected 1 to {QR_SECONDS_MAX}, got `{seconds}`");
        let expiry = at.field("expiry");
        checker.report("number_out_of_range", &expiry.field("seconds"), words);
    }
    let list = at.field("routes");
    let ids = section.routes.iter().map(|route| route.id.as_str());
    checker.names(&list, PARTS_MAX, ids);
    let scale = checker.program.currency.scale();
    let mut pairs = BTreeSet::new();
    for (index, route) in section.routes.iter().take(PARTS_MAX).enumerate() {
        let at = list.item(index);
        let wallets = at.field("wallets");
        if route.wallets.is_empty() {
            checker.report("wallets_empty", &wallets, "expected a wallet at least");
        }
        if !checker.is_within(&wallets, route.wallets.len(), QR_WALLETS_MAX) {
            continue;
        }
        for (index, wallet) in route.wallets.iter().enumerate() {
            if !pairs.insert((&route.code, wallet)) {
                let code = &route.code;
                let words = format!("`{wallet}` pays codes of kind `{code}` by a route already");
                checker.report("reference_duplicate", &wallets.item(index), words);
            }
        }
        if let Some(fee) = &route.fee {
            fees::check(checker, &at.field("fee"), fee, scale);
        }
    }
}
