//! What clients order how often.

use super::random::Random;

/// How much of what the engine can do is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// What the auditor works out again from the programs, to the minor unit.
    #[default]
    Recalculated,
    /// Every operation that there is.
    Everything,
}

/// What an order is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Record,
    OfPurchase,
    Replace,
    Grant,
    Deduct,
    Settle,
    Redeem,
    OfRedemption,
    Send,
    Initiate,
    PayIn,
    Register,
    Update,
    Merge,
    Erase,
    Link,
    Unlink,
    Share,
    Reshare,
    OpenBook,
    ChangeBook,
    Generate,
    Upload,
    Assign,
    Distribute,
    Give,
    ReplaceCode,
    Check,
    Lock,
    Unlock,
    UseCoupon,
    Unassign,
    VoidCoupon,
    Rates,
    LockRate,
    Convert,
    ConvertBack,
    Assess,
    Label,
    RiskList,
    Snooze,
    Review,
    CreatePayment,
    OfPayment,
    IssueToken,
    OfToken,
    CreateQr,
    OfQr,
}

/// Kinds and how often each is drawn.
type Mix = &'static [(Kind, u64)];

/// Orders of what is worked out again.
const RECALCULATED: Mix = &[
    (Kind::Record, 32),
    (Kind::OfPurchase, 18),
    (Kind::Grant, 8),
    (Kind::Deduct, 4),
    (Kind::Settle, 6),
    (Kind::Redeem, 8),
    (Kind::OfRedemption, 8),
    (Kind::Send, 6),
    (Kind::Initiate, 4),
    (Kind::PayIn, 4),
    (Kind::Register, 2),
    (Kind::Assign, 3),
];

/// Of everything, what ends something for good is rare, so that something is left.
const EVERYTHING: Mix = &[
    (Kind::Record, 180),
    (Kind::OfPurchase, 110),
    (Kind::Replace, 40),
    (Kind::Grant, 60),
    (Kind::Deduct, 25),
    (Kind::Settle, 30),
    (Kind::Redeem, 70),
    (Kind::OfRedemption, 70),
    (Kind::Send, 40),
    (Kind::Initiate, 15),
    (Kind::PayIn, 15),
    (Kind::Register, 15),
    (Kind::Update, 25),
    (Kind::Merge, 10),
    (Kind::Erase, 5),
    (Kind::Link, 25),
    (Kind::Unlink, 12),
    (Kind::Share, 14),
    (Kind::Reshare, 14),
    (Kind::OpenBook, 10),
    (Kind::ChangeBook, 14),
    (Kind::Generate, 14),
    (Kind::Upload, 25),
    (Kind::Assign, 60),
    (Kind::Distribute, 20),
    (Kind::Give, 25),
    (Kind::ReplaceCode, 10),
    (Kind::Check, 20),
    (Kind::Lock, 40),
    (Kind::Unlock, 15),
    (Kind::UseCoupon, 60),
    (Kind::Unassign, 14),
    (Kind::VoidCoupon, 8),
    (Kind::Rates, 10),
    (Kind::LockRate, 20),
    (Kind::Convert, 45),
    (Kind::ConvertBack, 25),
    (Kind::Assess, 70),
    (Kind::Label, 25),
    (Kind::RiskList, 12),
    (Kind::Snooze, 6),
    (Kind::Review, 60),
    (Kind::CreatePayment, 60),
    (Kind::OfPayment, 200),
    (Kind::IssueToken, 45),
    (Kind::OfToken, 90),
    (Kind::CreateQr, 20),
    (Kind::OfQr, 50),
];

impl Kind {
    /// The first draw of an order.
    pub fn of(random: &mut Random, scope: Scope) -> Self {
        let mix = match scope {
            Scope::Recalculated => RECALCULATED,
            Scope::Everything => EVERYTHING,
        };
        let mut left = random.below(mix.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in mix {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *kind,
            }
        }
        Self::Settle
    }
}
