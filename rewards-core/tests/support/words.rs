//! Cases in words: purchases, grants, balances and counters as short texts, so that tables read like documents.

use rewards_core::cashback::{Line, Purchase, Verdict};
use rewards_core::ids::{ProgramId, PurchaseId};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{
    CancelPurchase, CancelledPurchase, ConfirmPurchase, ConfirmedPurchase, GrantedReward,
    QuotePurchase, QuotedPurchase, RecordPurchase, RecordedPurchase,
};
use rewards_core::operations::rewards::{
    DeductBalance, DeductedBalance, GrantReward, SettleMember, SettledMember,
};
use rewards_core::operations::tiers::GetTiers;
use rewards_core::rejection::Rejection;

use super::world::{World, at, member, program};

/// Reads an amount such as `5.00` in an asset.
pub fn money(text: &str, asset: &str) -> Money {
    Money::parse(text, Asset::parse(asset).unwrap()).unwrap()
}

/// An amount with its asset.
pub fn say(amount: &Money) -> String {
    format!("{amount} {}", amount.asset())
}

/// Amounts with their assets, in one line.
pub fn say_all(amounts: &[Money]) -> String {
    amounts.iter().map(say).collect::<Vec<_>>().join(" ")
}

/// A grant in words: `rule#line 5.00 EUR of 7.50 by cap`, without what there is not.
pub fn grant(reward: &GrantedReward) -> String {
    let line = reward.line.map_or(String::new(), |line| format!("#{line}"));
    let mut text = format!("{}{line} {}", reward.rule, say(&reward.granted));
    if let Some(cap) = &reward.clipped_by {
        text.push_str(&format!(" of {} by {cap}", reward.desired));
    } else {
        assert_eq!(reward.desired, reward.granted);
    }
    text
}

impl World {
    /// A world with one program, decided by it since 2020, and its member `ann`, who joined in 2020.
    pub fn with(text: &str) -> Self {
        let mut world = Self::empty();
        world.publish(text, "2020-01-01T00:00:00Z").unwrap();
        world.register("ann");
        world
    }

    pub fn publish(&mut self, text: &str, active_from: &str) -> Result<u32, Rejection> {
        let publish = PublishProgram {
            program: program(text),
            active_from: Some(at(active_from)),
        };
        self.run(&publish).map(|published| published.revision)
    }

    pub fn register(&mut self, id: &str) -> &mut Self {
        let mut register = RegisterMember::new(member(id));
        register.registered_at = Some(at("2020-01-01T00:00:00Z"));
        self.run(&register).unwrap();
        self
    }

    /// Reads a purchase: its total, then `name=value` for its fields, `@name=value` for attributes and
    /// `line:40.00,sku=a,@name=value` for lines. What is left out: now, by `ann`, in program `main`, with a new id.
    pub fn purchase(&self, text: &str) -> Purchase {
        let mut words = text.split_whitespace();
        let total = words.next().unwrap();
        let asset = text
            .split_whitespace()
            .find_map(|word| word.strip_prefix("asset="))
            .map_or_else(|| self.currency(), |asset| Asset::parse(asset).unwrap());
        let amount = |text: &str| Money::parse(text, asset).unwrap();
        let id = PurchaseId::new(&format!("p{}", self.commands)).unwrap();
        let main = ProgramId::new("main").unwrap();
        let mut purchase = Purchase::new(id, member("ann"), main, self.now, amount(total));
        for word in words {
            if let Some(line) = word.strip_prefix("line:") {
                purchase.lines.push(read_line(line, &amount));
                continue;
            }
            let (name, value) = word.split_once('=').unwrap();
            if let Some(name) = name.strip_prefix('@') {
                purchase
                    .attributes
                    .insert(name.to_owned(), value.to_owned());
                continue;
            }
            let text = Some(value.to_owned());
            match name {
                "id" => purchase.id = PurchaseId::new(value).unwrap(),
                "member" => purchase.member = member(value),
                "program" => purchase.program = ProgramId::new(value).unwrap(),
                "at" => purchase.occurred_at = at(value),
                "asset" => {}
                "discounts" => purchase.discounts = Some(amount(value)),
                "fee" => purchase.fee = Some(amount(value)),
                "tax" => purchase.tax = Some(amount(value)),
                "shipping" => purchase.shipping = Some(amount(value)),
                "category" => purchase.category = text,
                "merchant" => purchase.merchant = text,
                "biller" => purchase.biller = text,
                "bill_type" => purchase.bill_type = text,
                "channel" => purchase.channel = text,
                "payment_method" => purchase.payment_method = text,
                "store" => purchase.store = text,
                "country" => purchase.country = text,
                "tag" => purchase.tags.push(value.to_owned()),
                other => panic!("a purchase has no `{other}`"),
            }
        }
        purchase
    }

    fn currency(&self) -> Asset {
        let programs = self.programs.get(&self.tenant);
        let main = programs.and_then(|programs| programs.get("main"));
        main.map_or_else(
            || Asset::parse("EUR").unwrap(),
            |revisions| revisions.last().unwrap().currency(),
        )
    }

    pub fn try_buy(&mut self, text: &str) -> Result<RecordedPurchase, Rejection> {
        let purchase = self.purchase(text);
        self.run(&RecordPurchase::new(purchase))
    }

    pub fn buy(&mut self, text: &str) -> RecordedPurchase {
        self.try_buy(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Records a purchase; says what it was granted.
    pub fn grants(&mut self, text: &str) -> Vec<String> {
        let recorded = self.buy(text);
        recorded.decision.grants.iter().map(grant).collect()
    }

    /// Quotes a purchase with an explanation.
    pub fn quote(&mut self, text: &str) -> QuotedPurchase {
        let purchase = self.purchase(text);
        let quote = QuotePurchase {
            coupons: Vec::new(),
            purchase,
            explain: true,
        };
        self.run(&quote)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// What a purchase would be granted.
    pub fn quoted(&mut self, text: &str) -> Vec<String> {
        self.quote(text).decision.grants.iter().map(grant).collect()
    }

    /// Why each rule does or does not apply, in words.
    pub fn explained(&mut self, text: &str) -> Vec<String> {
        let quoted = self.quote(text);
        let explanations = quoted.explanation.unwrap().into_iter();
        let say = explanations.map(|explanation| {
            let line = explanation
                .line
                .map_or(String::new(), |line| format!("#{line}"));
            let by = |cap: Option<_>| cap.map_or(String::new(), |cap| format!(" by {cap}"));
            let outcome = match explanation.outcome {
                Verdict::Granted {
                    desired,
                    granted,
                    clipped_by,
                } => format!("granted {granted} of {desired}{}", by(clipped_by)),
                Verdict::Inactive => "inactive".to_owned(),
                Verdict::Unmatched { failed } => format!("unmatched {failed}"),
                Verdict::Nothing => "nothing".to_owned(),
                Verdict::Outranked { desired } => format!("outranked {desired}"),
                Verdict::Excluded => "excluded".to_owned(),
                Verdict::Capped {
                    desired,
                    clipped_by,
                } => format!("capped {desired}{}", by(clipped_by)),
                Verdict::Withheld { amount } => format!("withheld {}", say(&amount)),
            };
            format!("{}{line}: {outcome}", explanation.rule)
        });
        say.collect()
    }

    pub fn confirm(&mut self, id: &str) -> Result<ConfirmedPurchase, Rejection> {
        let purchase = PurchaseId::new(id).unwrap();
        self.run(&ConfirmPurchase {
            member: member("ann"),
            purchase,
        })
    }

    pub fn cancel(&mut self, id: &str) -> Result<CancelledPurchase, Rejection> {
        let purchase = PurchaseId::new(id).unwrap();
        self.run(&CancelPurchase {
            member: member("ann"),
            purchase,
        })
    }

    pub fn settle(&mut self) -> SettledMember {
        let member = member("ann");
        self.run(&SettleMember { member }).unwrap()
    }

    pub fn take(&mut self, amount: Money) -> Result<DeductedBalance, Rejection> {
        self.run(&DeductBalance {
            source: None,
            reference: None,
            member: member("ann"),
            take: amount,
            reason: "goods taken back".to_owned(),
        })
    }

    pub fn give(&mut self, amount: Money, expires_at: Option<&str>) -> u64 {
        let grant = GrantReward {
            source: None,
            reference: None,
            member: member("ann"),
            amount,
            reason: "sorry".to_owned(),
            expires_at: expires_at.map(at),
        };
        self.run(&grant).unwrap().lot
    }

    /// What `ann` has, available and pending, such as `5.00+1.00 EUR`.
    pub fn balance(&mut self) -> String {
        self.balance_at(None)
    }

    /// The same, as it was at an instant.
    pub fn balance_at(&mut self, instant: Option<&str>) -> String {
        let balance = GetBalance {
            member: member("ann"),
            at: instant.map(at),
            expiring_days: None,
        };
        let balance = self.run(&balance).unwrap();
        let assets = balance.assets.iter();
        let said = assets.map(|sums| format!("{}+{}", sums.available, say(&sums.pending)));
        said.collect::<Vec<_>>().join(" ")
    }

    /// The tier of `ann` on each ladder.
    pub fn tiers(&mut self) -> String {
        let tiers = GetTiers {
            member: member("ann"),
            program: ProgramId::new("main").unwrap(),
        };
        let tiers = self.run(&tiers).unwrap();
        let names = tiers.ladders.iter().map(|ladder| ladder.tier.to_string());
        names.collect::<Vec<_>>().join(" ")
    }

    /// All counters that are not zero, such as `m:ann main/cap/day@20514 = 500`.
    pub fn say_counted(&self) -> Vec<String> {
        let counted = self.counted();
        let say = counted.iter().map(|(key, value)| {
            let name = &key.name;
            format!("{} {}@{} = {value}", name.subject, name.name, key.bucket)
        });
        say.collect()
    }
}

fn read_line(text: &str, amount: &dyn Fn(&str) -> Money) -> Line {
    let mut parts = text.split(',');
    let mut line = Line::new(amount(parts.next().unwrap()));
    for part in parts {
        let (name, value) = part.split_once('=').unwrap();
        match name.strip_prefix('@') {
            Some(name) => {
                line.attributes.insert(name.to_owned(), value.to_owned());
            }
            None if name == "sku" => line.sku = Some(value.to_owned()),
            None if name == "category" => line.category = Some(value.to_owned()),
            None if name == "quantity" => line.quantity = value.parse().unwrap(),
            None if name == "discounts" => line.discounts = Some(amount(value)),
            None if name == "tax" => line.tax = Some(amount(value)),
            None => panic!("a line has no `{name}`"),
        }
    }
    line
}
