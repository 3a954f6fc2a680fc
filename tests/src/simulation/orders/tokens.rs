//! Offline tokens, and codes that are shown to be scanned.

use rewards_core::ids::{DeviceId, MemberId, MerchantId, OrderId, ProgramId, QrId, Slug, TokenId};
use rewards_core::operations::qr::{CancelQr, CreateQr, QrContent, ScanQr};
use rewards_core::operations::tokens::{
    CancelToken, FreezeTokens, IssueToken, RedeemToken, SettleReceipts,
};
use rewards_core::qr::{QrExpiry, QrScans};

use super::super::Failed;
use super::super::mix::Kind;
use super::super::random::Random;
use super::super::tokens::holder_key;
use super::super::workload::{Command, Script};
use super::euro;

impl Script {
    pub(in super::super) fn issue_token(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let token = TokenId::new(&format!("t-{client}-{index}"))?;
        let is_bound = random.chance(650);
        let device = match random.chance(500) {
            true => Some(DeviceId::new(&format!("phone-{}", random.below(3)))?),
            false => None,
        };
        Ok(Command::IssueToken(IssueToken {
            holder_key: is_bound.then(|| holder_key(&token)),
            token,
            member: self.some_member(random)?,
            // The other program has none.
            program: ProgramId::new(if random.chance(25) { "cafe" } else { "shop" })?,
            amount: euro(random, 400)?,
            device,
            merchant: match random.chance(100) {
                true => Some(MerchantId::new("till-1")?),
                false => None,
            },
            lifetime_minutes: match random.chance(200) {
                true => Some(600),
                false => None,
            },
        }))
    }

    /// A step of a token that was ordered before. Whoever settles receipts knows which there are; who does not has none.
    pub(in super::super) fn step_of_token(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        let place = (client, index);
        let Some(Command::IssueToken(made)) = self.of_kind(random, place, Kind::IssueToken)? else {
            return Ok(None);
        };
        Ok(Some(match random.below(100) {
            0..25 => Command::RedeemToken(RedeemToken {
                token: made.token,
                order: OrderId::new(&format!("o-{client}-{index}"))?,
                merchant: match random.chance(500) {
                    true => Some(MerchantId::new("till-1")?),
                    false => None,
                },
                category: None,
            }),
            25..78 => Command::SettleReceipts(SettleReceipts {
                merchant: None,
                // Some bring none at all.
                receipts: match random.chance(150) {
                    true => Vec::new(),
                    false => vec!["no receipt".to_owned()],
                },
            }),
            78..90 => Command::CancelToken(CancelToken {
                member: made.member,
                token: made.token,
            }),
            // Now and then of somebody who has none, or whom nobody knows.
            _ => Command::FreezeTokens(FreezeTokens {
                member: match random.chance(500) {
                    true => MemberId::new("nobody")?,
                    false => made.member,
                },
                device: made.device,
            }),
        }))
    }

    pub(in super::super) fn create_qr(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let text = match random.chance(20) {
            true => String::new(),
            false => format!("code {client} {index}"),
        };
        Ok(Command::CreateQr(CreateQr {
            qr: QrId::new(&format!("q-{client}-{index}"))?,
            program: ProgramId::new("shop")?,
            kind: Slug::new("wallet")?,
            content: QrContent::Text(text),
            member: match random.chance(700) {
                true => Some(self.some_member(random)?),
                false => None,
            },
            scans: random.chance(300).then_some(QrScans::Many),
            expiry: random.chance(600).then_some(QrExpiry::Never),
        }))
    }

    pub(in super::super) fn step_of_qr(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        let Some(Command::CreateQr(made)) = self.of_kind(random, place, Kind::CreateQr)? else {
            return Ok(None);
        };
        let qr = made.qr;
        if random.chance(300) {
            return Ok(Some(Command::CancelQr(CancelQr { qr })));
        }
        let by = match random.chance(500) {
            true => Some(self.some_member(random)?),
            false => None,
        };
        Ok(Some(Command::ScanQr(ScanQr { qr, by })))
    }
}
