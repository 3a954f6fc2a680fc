//! What the clients were told: the model that the books are held against.

use std::collections::BTreeMap;

use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::{IdempotencyKey, TenantId};
use rewards_core::operations::purchases::{PurchaseDecision, QuotePurchase};
use rewards_core::rejection::Fault;

use super::workload::Order;

/// What makes a command happen once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandId {
    /// The tenant.
    pub tenant: TenantId,
    /// The operation's name.
    pub operation: &'static str,
    /// The idempotency key.
    pub key: IdempotencyKey,
}

impl CommandId {
    /// What makes an order happen once.
    #[must_use]
    pub fn of(order: &Order) -> Self {
        Self {
            tenant: order.tenant.clone(),
            operation: order.command.operation(),
            key: order.key.clone(),
        }
    }
}

/// An acknowledged reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ack {
    /// What was acknowledged.
    pub order: Order,
    /// The reply, as text.
    pub reply: String,
    /// Whether it was said to be the reply of an earlier call.
    pub replayed: bool,
}

/// A refusal that is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was refused.
    pub order: Order,
    /// The fault's code.
    pub code: String,
    /// The fault in words.
    pub detail: String,
    /// When this sending began, by the ticks of the history.
    pub sent: Option<u64>,
}

/// Everything the clients were told about one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Acknowledged replies, in the order in which they arrived.
    pub acks: Vec<Ack>,
    /// Refusals.
    pub refused: Vec<Refused>,
    /// Orders of which at least one sending had an unknown outcome.
    pub unknown: Vec<Order>,
}

impl Told {
    /// All orders that were ever sent under the key, some of them more than once.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        let acked = self.acks.iter().map(|ack| &ack.order);
        let refused = self.refused.iter().map(|refused| &refused.order);
        acked.chain(refused).chain(&self.unknown)
    }
}

/// Everything the clients were told, by key; what sweeps carried out, of which no reply is stored; and when clients asked and
/// were answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History(
    pub BTreeMap<CommandId, Told>,
    pub Vec<Swept>,
    pub Intervals,
    /// How many sweeps ran in mid-work: they may have done more than they could tell.
    pub u64,
    /// Quotes of purchases with coupons.
    pub Vec<Quoted>,
);

/// What a purchase with coupons was quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// Whose it is.
    pub tenant: TenantId,
    /// What was asked.
    pub quote: QuotePurchase,
    /// What was answered.
    pub decision: PurchaseDecision,
}

/// When something was first asked for, and first acknowledged if ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// When it was first sent.
    pub sent: u64,
    /// When it was first acknowledged.
    pub answered: Option<u64>,
}

/// When clients asked and were answered, by a clock that ticks with each of it. Only what was noted when it was sent is here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intervals {
    ticks: u64,
    by_key: BTreeMap<CommandId, Interval>,
}

impl Intervals {
    /// When a command was asked for and acknowledged.
    #[must_use]
    pub fn of(&self, id: &CommandId) -> Option<Interval> {
        self.by_key.get(id).copied()
    }

    fn tick(&mut self) -> u64 {
        self.ticks = self.ticks.saturating_add(1);
        self.ticks
    }
}

/// A settlement of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// The settlement as a command.
    pub order: Order,
    /// What the sweep said about it.
    pub reply: String,
}

impl History {
    fn told(&mut self, order: &Order) -> &mut Told {
        self.0.entry(CommandId::of(order)).or_default()
    }

    /// An order is about to be sent; gives the tick at which it is.
    pub fn sent(&mut self, order: &Order) -> u64 {
        let sent = self.2.tick();
        let new = Interval {
            sent,
            answered: None,
        };
        self.2.by_key.entry(CommandId::of(order)).or_insert(new);
        sent
    }

    /// A reply came.
    pub fn acknowledged(&mut self, order: &Order, reply: String, replayed: bool) {
        let now = self.2.tick();
        if let Some(interval) = self.2.by_key.get_mut(&CommandId::of(order)) {
            interval.answered.get_or_insert(now);
        }
        self.told(order).acks.push(Ack {
            order: order.clone(),
            reply,
            replayed,
        });
    }

    /// The engine said no to a sending that began at a tick, where that is known.
    pub fn refused(&mut self, order: &Order, fault: &Fault, sent: Option<u64>) {
        self.told(order).refused.push(Refused {
            order: order.clone(),
            code: fault.code.to_string(),
            detail: fault.detail.clone(),
            sent,
        });
    }

    /// Nobody knows what became of it.
    pub fn unknown(&mut self, order: &Order) {
        let told = self.told(order);
        if !told.unknown.contains(order) {
            told.unknown.push(order.clone());
        }
    }

    /// A sweep said what it carried out for a member.
    pub fn swept(&mut self, order: Order, reply: String) {
        self.1.push(Swept { order, reply });
    }

    /// What was told of one tenant's commands.
    pub fn of<'a>(
        &'a self,
        tenant: &'a TenantId,
    ) -> impl Iterator<Item = (&'a CommandId, &'a Told)> {
        self.0.iter().filter(move |(id, _)| id.tenant == *tenant)
    }
}

/// The events that were handed to consumers, by tenant, in the order in which they were handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deliveries(pub BTreeMap<TenantId, Vec<EventRecord>>);

impl Deliveries {
    /// An event was handed to a consumer.
    pub fn deliver(&mut self, tenant: &TenantId, event: EventRecord) {
        self.0.entry(tenant.clone()).or_default().push(event);
    }

    /// A tenant's deliveries by stream, in order.
    #[must_use]
    pub fn streams(&self, tenant: &TenantId) -> BTreeMap<&Stream, Vec<&EventRecord>> {
        let mut streams: BTreeMap<&Stream, Vec<&EventRecord>> = BTreeMap::new();
        for event in self.0.get(tenant).into_iter().flatten() {
            streams.entry(&event.stream).or_default().push(event);
        }
        streams
    }
}
