//! Refusals where everything is ordered: those that each command can meet beside those that it meets elsewhere.

use crate::simulation::workload::Command;

/// What can be said of a member who does not take part.
const ABSENT: &[&str] = &[
    "member_unknown",
    "member_closed",
    "member_merged",
    "member_suspended",
];
/// What can be said of a code by whoever it is told to.
const OF_CODE: &[&str] = &[
    "too_many_attempts",
    "coupon_book_closed",
    "coupon_book_paused",
    "coupon_book_scheduled",
    "coupon_expired",
    "coupon_redeemed",
    "coupon_voided",
    "coupon_locked",
    "coupon_not_unlocked",
];

/// What can be said of the coupons that are named with a purchase, beside that.
const OF_GIVEN: &[&str] = &[
    "coupon_unknown",
    "coupon_lock_required",
    "coupon_limit",
    "quote_changed",
];

/// What can be said of a purchase that is to take another one's place.
const OF_REPLACED: &[&str] = &[
    "invalid",
    "program_unknown",
    "purchase_unknown",
    "refund_exists",
    "purchase_cancelled",
    "purchase_refunded",
    "purchase_exists",
];

/// Whether a command can be refused so.
pub(in super::super) fn are_allowed(command: &Command, code: &str) -> bool {
    let (present, lists): (bool, [&[&str]; 2]) = of(command);
    let is_of_member = present && ABSENT.contains(&code);
    let names_coupons = matches!(command, Command::Record(_) | Command::Replace(_));
    let is_of_coupon = names_coupons && (OF_CODE.contains(&code) || OF_GIVEN.contains(&code));
    is_of_member || is_of_coupon || lists.iter().any(|list| list.contains(&code))
}

/// Whether it can be said of it that somebody does not take part, and what else.
fn of(command: &Command) -> (bool, [&'static [&'static str]; 2]) {
    let own: &[&str] = match command {
        // More than one member can have is nobody's here, but for the one with many lots.
        Command::Update(_) | Command::Erase(_) => &["balance_left", "reserved_left", "too_many"],
        Command::Merge(_) => &["merge_to_self", "member_in_wallet", "too_many"],
        Command::Link(_) => &["alias_exists"],
        Command::Unlink(_) => return (false, [&["alias_unknown"], &[]]),
        Command::Replace(_) => OF_REPLACED,
        Command::Refund(_) => &["line_unknown", "pieces_exceed"],
        Command::Redeem(_) | Command::Authorize(_) => &[
            "shared_wallet_unknown",
            "shared_wallet_closed",
            "member_not_in_wallet",
            "units_below_floor",
            "units_not_of_step",
            "redemption_not_offered",
            // A bucket that does not pay in the program.
            "invalid",
        ],
        Command::Share(_) => &["shared_wallet_exists", "member_in_wallet"],
        Command::Reshare(_) => &[
            "shared_wallet_unknown",
            "shared_wallet_closed",
            "member_in_wallet",
        ],
        Command::Send(_) => &["alias_unknown", "receiver_unavailable"],
        Command::OpenBook(_)
        | Command::ChangeBook(_)
        | Command::Generate(_)
        | Command::Upload(_)
        | Command::Assign(_)
        | Command::Unassign(_)
        | Command::VoidCoupon(_)
        | Command::Distribute(_)
        | Command::Give(_)
        | Command::ReplaceCode(_)
        | Command::Check(_)
        | Command::Lock(_)
        | Command::Unlock(_)
        | Command::UseCoupon(_) => return of_coupons(command),
        Command::LockRate(_) | Command::Convert(_) | Command::ConvertBack(_) => {
            return (true, [of_conversion(command), &[]]);
        }
        Command::Assess(_) => return (true, [of_payment(command), &[]]),
        Command::CreatePayment(_)
        | Command::HoldPayment(_)
        | Command::SubmitPayment(_)
        | Command::ReportPayment(_)
        | Command::CancelPayment(_)
        | Command::RefundPayment(_) => return (true, [of_paying(command), SPENDING]),
        Command::IssueToken(_) => return (true, [of_token(command), SPENDING]),
        Command::RedeemToken(_)
        | Command::SettleReceipts(_)
        | Command::CancelToken(_)
        | Command::FreezeTokens(_)
        | Command::CreateQr(_)
        | Command::ScanQr(_)
        | Command::CancelQr(_) => return (true, [of_token(command), &[]]),
        Command::ImportRates(_)
        | Command::Label(_)
        | Command::ListRisk(_)
        | Command::UnlistRisk(_)
        | Command::Snooze(_)
        | Command::ClaimReview(_)
        | Command::DecideReview(_) => return (false, [of_payment(command), &[]]),
        Command::Register(_) | Command::Publish(_) => return (false, [&[], &[]]),
        _ => &[],
    };
    (true, [own, &[]])
}

/// What can be said of a conversion.
fn of_conversion(command: &Command) -> &'static [&'static str] {
    match command {
        Command::ConvertBack(_) => &[
            "invalid",
            "conversion_unknown",
            "conversion_refunded",
            "refund_exists",
            "refund_exceeds",
            "conversion_too_small",
            "insufficient_balance",
            "too_many",
        ],
        _ => &[
            "invalid",
            "program_unknown",
            "fx_not_offered",
            "pair_not_allowed",
            "conversion_exists",
            "fx_quote_exists",
            "fx_quote_unknown",
            "fx_quote_used",
            "fx_quote_expired",
            "fee_exceeds_amount",
            "rate_missing",
            "rate_stale",
            "conversion_too_small",
            "insufficient_balance",
            "too_many",
        ],
    }
}

/// What can be said of what is to be held.
const SPENDING: &[&str] = &[
    "insufficient_balance",
    "units_below_floor",
    "units_not_of_step",
    "too_many",
];

/// What can be said of payments to others.
fn of_paying(command: &Command) -> &'static [&'static str] {
    const UNKNOWN: &str = "payment_unknown";
    const WRONG: &str = "payment_state_wrong";
    match command {
        Command::CreatePayment(_) => &[
            "program_unknown",
            "payments_not_offered",
            "payment_route_unknown",
            "payment_route_paused",
            "payment_out_of_bounds",
            "biller_unknown",
            "biller_not_reached",
            "payment_exists",
            "fee_exceeds_amount",
        ],
        Command::HoldPayment(_) => &[UNKNOWN, WRONG, "stage_missing", "assessment_mismatch"],
        Command::ReportPayment(_) => &[UNKNOWN, WRONG, "payment_attempt_wrong", "invalid"],
        Command::RefundPayment(_) => &[UNKNOWN, WRONG, "refund_above_payment", "refund_exists"],
        // An engine whose clock is behind may find that its time was written down as over.
        _ => &[UNKNOWN, WRONG, "redemption_expired"],
    }
}

/// What can be said of offline tokens, and of codes that are shown.
fn of_token(command: &Command) -> &'static [&'static str] {
    match command {
        Command::IssueToken(_) => &[
            "program_unknown",
            "tokens_not_offered",
            "token_limit",
            "token_exists",
        ],
        Command::RedeemToken(_) | Command::CancelToken(_) => &[
            "token_unknown",
            "token_bound",
            "token_spent",
            "token_cancelled",
            "token_frozen",
            "token_expired",
            "token_audience_wrong",
        ],
        Command::SettleReceipts(_) => &["invalid"],
        Command::CreateQr(_) => &["invalid", "program_unknown", "qr_exists"],
        Command::ScanQr(_) | Command::CancelQr(_) => {
            &["qr_unknown", "qr_scanned", "qr_expired", "qr_cancelled"]
        }
        _ => &[],
    }
}

/// What can be said of rates, and of what is done with payments.
fn of_payment(command: &Command) -> &'static [&'static str] {
    match command {
        Command::ImportRates(_) => &["invalid", "rate_differs", "too_many"],
        Command::Assess(_) => &["invalid", "risk_not_offered", "payment_assessed"],
        Command::Label(_) => &["payment_unknown"],
        Command::ListRisk(_) => &["invalid", "risk_list_unknown"],
        Command::UnlistRisk(_) => &["risk_list_unknown", "risk_entry_unknown"],
        Command::Snooze(_) => &["invalid", "risk_rule_unknown"],
        _ => &[
            "review_unknown",
            "review_decided",
            "review_expired",
            "review_not_claimed",
            "review_claimed",
        ],
    }
}

/// The same of what is done with coupons.
fn of_coupons(command: &Command) -> (bool, [&'static [&'static str]; 2]) {
    const UNKNOWN: &str = "coupon_book_unknown";
    const CLOSED: &str = "coupon_book_closed";
    match command {
        Command::OpenBook(_) => (false, [&["coupon_book_exists"], &[]]),
        Command::ChangeBook(_) => (
            false,
            [&[UNKNOWN, CLOSED, "limit_below_use", "invalid"], &[]],
        ),
        Command::Generate(_) => {
            let own: &[&str] = &[UNKNOWN, CLOSED, "coupon_batch_mismatch", "coupon_limit"];
            (false, [own, &[]])
        }
        Command::Upload(_) => (false, [&[UNKNOWN, CLOSED, "coupon_limit"], &[]]),
        Command::Assign(_) | Command::Distribute(_) => {
            let own: &[&str] = &[
                UNKNOWN,
                "coupon_not_assignable",
                "coupon_book_expired",
                "coupon_limit",
                "coupon_unknown",
                "coupon_assigned",
                "coupons_short",
                "booklet_incomplete",
            ];
            (true, [own, OF_CODE])
        }
        Command::Unassign(_) => {
            let own: &[&str] = &[
                "coupon_unknown",
                "coupon_not_assigned",
                "coupon_used",
                "coupon_in_booklet",
            ];
            (false, [own, OF_CODE])
        }
        Command::VoidCoupon(_) => (
            false,
            [&["coupon_unknown", "coupon_redeemed", "coupon_voided"], &[]],
        ),
        Command::Give(_) => {
            let own: &[&str] = &[
                "coupon_transfer_forbidden",
                "coupon_limit",
                "transfer_to_self",
            ];
            (true, [own, OF_CODE])
        }
        Command::ReplaceCode(_) => {
            let own: &[&str] = &["coupon_unknown", "coupon_not_assignable", "coupon_exists"];
            (false, [own, OF_CODE])
        }
        Command::Check(_) => (true, [&["too_many_attempts"], &[]]),
        Command::Lock(_) => (true, [&["coupon_lock_forbidden"], OF_CODE]),
        Command::Unlock(_) => (
            true,
            [&["coupon_not_locked", "coupon_not_assigned"], OF_CODE],
        ),
        _ => {
            let own: &[&str] = &[
                "coupon_lock_required",
                "coupon_limit",
                "coupon_value_exceeded",
            ];
            (true, [own, OF_CODE])
        }
    }
}
