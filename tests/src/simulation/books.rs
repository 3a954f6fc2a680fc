//! What a store really holds for one tenant, read below all faults into plain data that a test may tamper with.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::adjustments::{Adjustment, AdjustmentKind};
use rewards_core::audit::AuditProblem;
use rewards_core::cashback::PurchaseEntity;
use rewards_core::command::Operation as _;
use rewards_core::counter::Subject;
use rewards_core::coupons::{Coupon, CouponBook};
use rewards_core::decision::ProgramWrite;
use rewards_core::entity::{Entity, EntityKey, EntityRow, Stored};
use rewards_core::fx::{Conversion, FxQuote, FxRate};
use rewards_core::ids::{IdempotencyKey, MemberId, PurchaseId, TenantId};
use rewards_core::ledger::{Account, JournalEntry, Lot, LotNumber, Purpose, TransferKind};
use rewards_core::member::{Alias, MemberRow};
use rewards_core::money::Asset;
use rewards_core::operations::balances::{Balance, GetBalance};
use rewards_core::operations::coupons::CreateCouponBook;
use rewards_core::operations::deposits::InitiateDeposit;
use rewards_core::operations::fx::{ConvertBalance, LockConversion};
use rewards_core::operations::payments::CreatePayment;
use rewards_core::operations::purchases::{RecordPurchase, RefundPurchase, ReplacePurchase};
use rewards_core::operations::qr::CreateQr;
use rewards_core::operations::redemptions::{AuthorizeRedemption, Redeem};
use rewards_core::operations::rewards::{DeductBalance, GrantReward};
use rewards_core::operations::risk::AssessPayment;
use rewards_core::operations::shared_wallets::CreateSharedWallet;
use rewards_core::operations::tokens::IssueToken;
use rewards_core::operations::transfers::TransferBalance;
use rewards_core::payments::{DepositEntity, Payment};
use rewards_core::qr::IssuedQr;
use rewards_core::refunds::RefundEntity;
use rewards_core::risk::{Assessment, RiskHistory, RiskListEntry, RiskReview};
use rewards_core::snapshot::{
    KeyOrigin, LotFilter, LotQuery, MemberKey, ReadPlan, ReplyKey, StoredReply,
};
use rewards_core::time::Timestamp;
use rewards_core::tokens::Token;
use rewards_core::transfers::{ReceivedTransfer, TransferEntity};
use rewards_core::wallet::{Redemption, SharedWallet};
use rewards_storage::engine::{Engine, Liability};
use rewards_storage::store::{Backend, MemberHead};

use super::Failed;
use super::model::History;
use super::named::{entities_of, purchase_of};
use super::workload::{HOUR, Order};

/// Rows of one page.
const PAGE: u32 = 500;
/// Keys of one plan.
const CHUNK: usize = 200;
/// How long ago the moments are at which balances are asked for, in days.
const LOOKS_BACK_DAYS: [i64; 3] = [0, 1, 3];
/// More lots than any member of a simulation has.
const LOTS_MAX: u32 = 100_000;

/// Kinds of which nobody names all beforehand.
const UNNAMED: [&str; 10] = [
    Redemption::KIND,
    Alias::KIND,
    Coupon::KIND,
    FxRate::KIND,
    RiskHistory::KIND,
    RiskReview::KIND,
    RiskListEntry::KIND,
    Payment::KIND,
    Token::KIND,
    IssuedQr::KIND,
];

/// Name and bucket of a counter, after its subject.
pub type CounterPlace = (String, String, i64);

/// Everything stored for a tenant that can be read.
#[derive(Debug, Clone)]
pub struct Books {
    /// The tenant.
    pub tenant: TenantId,
    /// What `verify` of the engine found.
    pub problems: Vec<AuditProblem>,
    /// Members as a sweep sees them.
    pub heads: Vec<MemberHead>,
    /// Member rows.
    pub members: BTreeMap<MemberId, MemberRow>,
    /// All purchases that were ever named.
    pub purchases: BTreeMap<PurchaseId, Stored<PurchaseEntity>>,
    /// Refunds, by their ids as texts, as all that follow.
    pub refunds: BTreeMap<String, RefundEntity>,
    /// Redemptions.
    pub redemptions: BTreeMap<String, Redemption>,
    /// Transfers as their senders have them.
    pub transfers: BTreeMap<String, TransferEntity>,
    /// Transfers as their receivers have them.
    pub received: BTreeMap<String, ReceivedTransfer>,
    /// Deposits.
    pub deposits: BTreeMap<String, DepositEntity>,
    /// Other names of members.
    pub aliases: BTreeMap<String, Alias>,
    /// What was granted and taken manually under an id.
    pub adjustments: BTreeMap<String, Adjustment>,
    /// Wallets that members share.
    pub wallets: BTreeMap<String, SharedWallet>,
    /// Books of coupons.
    pub coupon_books: BTreeMap<String, CouponBook>,
    /// Their coupons.
    pub coupons: BTreeMap<String, Coupon>,
    /// Rates, by their ids.
    pub rates: BTreeMap<String, FxRate>,
    /// Quotes whose rate was held.
    pub quotes: BTreeMap<String, FxQuote>,
    /// Conversions.
    pub conversions: BTreeMap<String, Conversion>,
    /// Payments that were assessed.
    pub assessments: BTreeMap<String, Assessment>,
    /// What is kept of the payments of each value of a key.
    pub histories: BTreeMap<String, RiskHistory>,
    /// Reviews of payments.
    pub reviews: BTreeMap<String, RiskReview>,
    /// Values on lists.
    pub listed: BTreeMap<String, RiskListEntry>,
    /// Payments to others.
    pub payments: BTreeMap<String, Payment>,
    /// Offline tokens.
    pub tokens: BTreeMap<String, Token>,
    /// Codes that were given out.
    pub codes: BTreeMap<String, IssuedQr>,
    /// Stored replies of all keys that were ever sent, by operation and key.
    pub replies: BTreeMap<(&'static str, IdempotencyKey), StoredReply>,
    /// The journal, by member and number.
    pub journal: Vec<JournalEntry>,
    /// All balances of members.
    pub balances: BTreeMap<Account, i64>,
    /// The control accounts.
    pub controls: BTreeMap<(Purpose, Asset), i128>,
    /// Lots: those that are open, those of purchases and those that came from others.
    pub lots: BTreeMap<(MemberId, LotNumber), Lot>,
    /// Counters other than zero.
    pub counters: BTreeMap<CounterPlace, i64>,
    /// Revisions of programs.
    pub programs: Vec<ProgramWrite>,
    /// What the engine says that members have, now and at some moments before.
    pub answers: BTreeMap<MemberId, Vec<Balance>>,
    /// What the engine says that all members together have, as it is stored and at some moments before.
    pub liabilities: Vec<Liability>,
    /// The instant of a sweep that has just ended; nobody has done anything since.
    pub swept_at: Option<Timestamp>,
}

impl Books {
    /// Reads a tenant's books. `engine` and `backend` are the same store without faults, and nobody writes.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn read(
        backend: &dyn Backend,
        engine: &Engine,
        tenant: &TenantId,
        history: &History,
    ) -> Result<Self, Failed> {
        let report = engine.tenant(tenant.clone()).verify().await?;
        let mut books = Self {
            tenant: tenant.clone(),
            problems: report.problems,
            heads: Vec::new(),
            members: BTreeMap::new(),
            purchases: BTreeMap::new(),
            refunds: BTreeMap::new(),
            redemptions: BTreeMap::new(),
            transfers: BTreeMap::new(),
            received: BTreeMap::new(),
            deposits: BTreeMap::new(),
            aliases: BTreeMap::new(),
            adjustments: BTreeMap::new(),
            wallets: BTreeMap::new(),
            coupon_books: BTreeMap::new(),
            coupons: BTreeMap::new(),
            rates: BTreeMap::new(),
            quotes: BTreeMap::new(),
            conversions: BTreeMap::new(),
            assessments: BTreeMap::new(),
            histories: BTreeMap::new(),
            reviews: BTreeMap::new(),
            listed: BTreeMap::new(),
            payments: BTreeMap::new(),
            tokens: BTreeMap::new(),
            codes: BTreeMap::new(),
            replies: BTreeMap::new(),
            journal: Vec::new(),
            balances: BTreeMap::new(),
            controls: BTreeMap::new(),
            lots: BTreeMap::new(),
            counters: BTreeMap::new(),
            programs: backend.programs(tenant, &[]).await?,
            answers: BTreeMap::new(),
            liabilities: Vec::new(),
            swept_at: None,
        };
        books.read_pages(backend).await?;
        for plan in books.plans(history)? {
            books.take(backend, &plan).await?;
        }
        books.read_kinds(backend).await?;
        books.read_counters(backend, history).await?;
        books.ask(engine).await?;
        Ok(books)
    }

    /// Asks for the balances of every member, now and as they were some days ago, and of all of them together.
    async fn ask(&mut self, engine: &Engine) -> Result<(), Failed> {
        let tenant = engine.tenant(self.tenant.clone());
        let latest = self.journal.iter().map(|entry| entry.recorded_at).max();
        self.liabilities.push(tenant.liability(None).await?);
        for (days, latest) in LOOKS_BACK_DAYS.iter().zip(latest.iter().cycle()) {
            let at = latest.checked_add_micros(-days * 24 * HOUR)?;
            self.liabilities.push(tenant.liability(Some(at)).await?);
        }
        for head in &self.heads {
            let mut query = GetBalance::new(head.member.clone());
            let now = tenant.execute(query.clone()).await?;
            let mut answers = Vec::new();
            for days in LOOKS_BACK_DAYS {
                query.at = Some(now.at.checked_add_micros(-days * 24 * HOUR)?);
                answers.push(tenant.execute(query.clone()).await?);
            }
            answers.push(now);
            self.answers.insert(head.member.clone(), answers);
        }
        Ok(())
    }

    /// Who goes on for a member: somebody else for who was merged, and mostly the member.
    #[must_use]
    pub fn goes_on_as<'b>(&'b self, member: &'b MemberId) -> &'b MemberId {
        let row = self.members.get(member);
        let into = row.and_then(|row| row.profile.merged_into.as_ref());
        into.unwrap_or(member)
    }

    /// Whether a member has left, or was erased or merged.
    #[must_use]
    pub fn is_gone(&self, member: &MemberId) -> bool {
        let row = self.members.get(member);
        row.is_some_and(|row| row.profile.status.is_final())
    }

    /// Whether a member was erased.
    #[must_use]
    pub fn is_erased(&self, member: &MemberId) -> bool {
        let row = self.members.get(member);
        row.is_some_and(|row| row.profile.erased_at.is_some())
    }

    async fn read_pages(&mut self, backend: &dyn Backend) -> Result<(), Failed> {
        let mut after = None;
        loop {
            let page = backend.members(&self.tenant, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.member.clone());
            self.heads.extend(page);
        }
        let mut after = None;
        loop {
            let page = backend.journal(&self.tenant, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.member.clone(), last.seq));
            self.journal.extend(page);
        }
        for head in &self.heads {
            for (purpose, asset, minor) in head.balances.iter() {
                let account = Account::member(&head.member, purpose.clone(), asset);
                self.balances.insert(account, minor);
            }
        }
        for (purpose, asset, minor) in backend.control_accounts(&self.tenant).await? {
            self.controls.insert((purpose, asset), minor);
        }
        Ok(())
    }

    /// The counters of every member, program and attribute that was ever named, wherever their parts are.
    async fn read_counters(
        &mut self,
        backend: &dyn Backend,
        history: &History,
    ) -> Result<(), Failed> {
        let mut subjects: BTreeSet<Subject> = BTreeSet::new();
        let members = self.heads.iter().map(|head| &head.member);
        subjects.extend(members.cloned().map(Subject::Member));
        for write in &self.programs {
            subjects.insert(Subject::Program(write.key.program.clone()));
        }
        let books = self.coupon_books.values().map(|book| book.book.clone());
        subjects.extend(books.map(Subject::Book));
        for order in orders(history, &self.tenant) {
            if let Some(purchase) = purchase_of(&order.command) {
                let attributes = purchase.attributes.iter();
                let values = attributes.map(|(name, value)| format!("{name}={value}"));
                subjects.extend(values.map(|value| Subject::Value(value.into())));
            }
        }
        for subject in subjects {
            let text = subject.to_string();
            for (name, bucket, value) in backend.counters(&self.tenant, &subject).await? {
                *self
                    .counters
                    .entry((text.clone(), name, bucket))
                    .or_default() += value;
            }
        }
        for (member, row) in &self.members {
            let text = Subject::Member(member.clone()).to_string();
            for (name, bucket, value) in row.counters.iter() {
                let place = (text.clone(), name.to_string(), bucket);
                *self.counters.entry(place).or_default() += value;
            }
            for (program, history) in &row.history {
                let mut sum = |name: String, value: i64| {
                    let place = (text.clone(), format!("{program}/{name}"), 0);
                    *self.counters.entry(place).or_default() += value;
                };
                sum("number".to_owned(), history.number());
                for (summed, value) in history.all_time() {
                    sum(summed.to_string(), value);
                }
            }
        }
        self.counters.retain(|_, value| *value != 0);
        Ok(())
    }

    /// Plans for everything that is read by key.
    fn plans(&self, history: &History) -> Result<Vec<ReadPlan>, Failed> {
        let member_key = |member: &MemberId| MemberKey {
            tenant: self.tenant.clone(),
            member: member.clone(),
        };
        let mut whole = ReadPlan::default();
        let mut lots_of = |member: MemberKey, filter: LotFilter| {
            whole.lots.push(LotQuery {
                member,
                filter,
                limit: LOTS_MAX,
            });
        };
        for head in &self.heads {
            for asset in ["EUR", "points", "USD", "GBP"] {
                let asset = Asset::parse(asset)?;
                lots_of(member_key(&head.member), LotFilter::Open { asset });
            }
        }
        let is_arrival = |entry: &&JournalEntry| entry.transfer.kind == TransferKind::TransferIn;
        for entry in self.journal.iter().filter(is_arrival) {
            let filter = LotFilter::Numbered { number: entry.seq };
            lots_of(member_key(&entry.member), filter);
        }
        for order in orders(history, &self.tenant) {
            if let Some(bought) = purchase_of(&order.command) {
                let purchase = bought.id.clone();
                let filter = LotFilter::OfPurchase { purchase };
                lots_of(member_key(&bought.member), filter);
            }
            whole
                .entities
                .extend(entities_of(&self.tenant, &order.command));
        }
        whole.members = self
            .heads
            .iter()
            .map(|head| member_key(&head.member))
            .collect();
        whole.entities.sort();
        whole.entities.dedup();
        whole.receipts.clone_from(&whole.entities);
        for origin in [KeyOrigin::Given, KeyOrigin::Natural] {
            whole
                .replies
                .extend(history.of(&self.tenant).map(|(id, _)| ReplyKey {
                    tenant: id.tenant.clone(),
                    operation: id.operation,
                    origin,
                    key: id.key.clone(),
                }));
        }
        whole.normalise();
        Ok(split(whole))
    }

    fn take_entity(&mut self, key: &EntityKey, row: &EntityRow) -> Result<(), Failed> {
        let id = key.id.to_string();
        match key.kind {
            RefundEntity::KIND => drop(self.refunds.insert(id, row.read()?.entity)),
            Redemption::KIND => drop(self.redemptions.insert(id, row.read()?.entity)),
            TransferEntity::KIND => drop(self.transfers.insert(id, row.read()?.entity)),
            ReceivedTransfer::KIND => drop(self.received.insert(id, row.read()?.entity)),
            DepositEntity::KIND => drop(self.deposits.insert(id, row.read()?.entity)),
            Alias::KIND => drop(self.aliases.insert(id, row.read()?.entity)),
            Adjustment::KIND => drop(self.adjustments.insert(id, row.read()?.entity)),
            SharedWallet::KIND => drop(self.wallets.insert(id, row.read()?.entity)),
            CouponBook::KIND => drop(self.coupon_books.insert(id, row.read()?.entity)),
            Coupon::KIND => drop(self.coupons.insert(id, row.read()?.entity)),
            FxRate::KIND => drop(self.rates.insert(id, row.read()?.entity)),
            FxQuote::KIND => drop(self.quotes.insert(id, row.read()?.entity)),
            Conversion::KIND => drop(self.conversions.insert(id, row.read()?.entity)),
            Assessment::KIND => drop(self.assessments.insert(id, row.read()?.entity)),
            RiskHistory::KIND => drop(self.histories.insert(id, row.read()?.entity)),
            RiskReview::KIND => drop(self.reviews.insert(id, row.read()?.entity)),
            RiskListEntry::KIND => drop(self.listed.insert(id, row.read()?.entity)),
            Payment::KIND => drop(self.payments.insert(id, row.read()?.entity)),
            Token::KIND => drop(self.tokens.insert(id, row.read()?.entity)),
            IssuedQr::KIND => drop(self.codes.insert(id, row.read()?.entity)),
            _ => drop(self.purchases.insert(PurchaseId::new(&id)?, row.read()?)),
        }
        Ok(())
    }

    /// The operation that made an entity.
    fn maker(&self, key: &EntityKey) -> &'static str {
        match key.kind {
            RefundEntity::KIND => RefundPurchase::NAME,
            TransferEntity::KIND | ReceivedTransfer::KIND => TransferBalance::NAME,
            DepositEntity::KIND => InitiateDeposit::NAME,
            // What was reserved has a time, and what was paid at once has none.
            Redemption::KIND => match self.redemptions.get(&*key.id) {
                Some(made) if made.expires_at.is_some() => AuthorizeRedemption::NAME,
                _ => Redeem::NAME,
            },
            SharedWallet::KIND => CreateSharedWallet::NAME,
            CouponBook::KIND => CreateCouponBook::NAME,
            Payment::KIND => CreatePayment::NAME,
            Token::KIND => IssueToken::NAME,
            IssuedQr::KIND => CreateQr::NAME,
            FxQuote::KIND => LockConversion::NAME,
            Conversion::KIND => ConvertBalance::NAME,
            Assessment::KIND => AssessPayment::NAME,
            Adjustment::KIND => match self.adjustments.get(&*key.id).map(|made| made.kind) {
                Some(AdjustmentKind::Deduct) => DeductBalance::NAME,
                _ => GrantReward::NAME,
            },
            _ => {
                let made = self.purchases.get(key.id.as_str());
                match made.is_some_and(|made| made.entity.replaces.is_some()) {
                    true => ReplacePurchase::NAME,
                    false => RecordPurchase::NAME,
                }
            }
        }
    }

    /// What nobody names beforehand: redemptions of those who pay together, names and codes, of which digests are kept, rates, and
    /// what follows from payments.
    async fn read_kinds(&mut self, backend: &dyn Backend) -> Result<(), Failed> {
        for kind in UNNAMED {
            let mut after = None;
            loop {
                let page = backend.entities(&self.tenant, kind, after, PAGE).await?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (id, row) in page {
                    let tenant = self.tenant.clone();
                    self.take_entity(&EntityKey { tenant, kind, id }, &row)?;
                }
            }
        }
        Ok(())
    }

    async fn take(&mut self, backend: &dyn Backend, plan: &ReadPlan) -> Result<(), Failed> {
        let view = backend.load(plan).await?;
        let members = view.members.into_iter();
        self.members
            .extend(members.map(|(key, row)| (key.member, row)));
        for (key, row) in view.entities {
            self.take_entity(&key, &row)?;
        }
        let replies = view.replies.into_iter();
        self.replies
            .extend(replies.map(|(key, reply)| ((key.operation, key.key), reply)));
        for (key, reply) in view.receipts {
            let place = (self.maker(&key), IdempotencyKey::new(&key.id)?);
            self.replies.insert(place, reply);
        }
        let lots = view.lots.into_iter();
        self.lots
            .extend(lots.map(|((key, number), lot)| ((key.member, number), lot)));
        Ok(())
    }
}

fn orders<'a>(history: &'a History, tenant: &'a TenantId) -> impl Iterator<Item = &'a Order> {
    history.of(tenant).flat_map(|(_, told)| told.orders())
}

/// Plans of a bounded size that name together what one large plan names.
fn split(whole: ReadPlan) -> Vec<ReadPlan> {
    let mut plans = Vec::new();
    plans.extend(whole.members.chunks(CHUNK).map(|keys| ReadPlan {
        members: keys.to_vec(),
        ..ReadPlan::default()
    }));
    plans.extend(whole.entities.chunks(CHUNK).map(|keys| ReadPlan {
        entities: keys.to_vec(),
        receipts: keys.to_vec(),
        ..ReadPlan::default()
    }));
    plans.extend(whole.replies.chunks(CHUNK).map(|keys| ReadPlan {
        replies: keys.to_vec(),
        ..ReadPlan::default()
    }));
    plans.extend(whole.lots.chunks(CHUNK).map(|keys| ReadPlan {
        lots: keys.to_vec(),
        ..ReadPlan::default()
    }));
    plans
}
