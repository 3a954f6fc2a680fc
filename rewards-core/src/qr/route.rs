//! Through which wallets a code can be paid, and what that costs.

use crate::fees::{Charge, CompiledFee, FeeError, FeePayer};
use crate::ids::Slug;
use crate::money::{Asset, MoneyError};
use crate::time::{TimeError, Timestamp};

use super::section::{QR_SECONDS_DEFAULT, QrExpiry, QrSection};

/// The section of a program, ready to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledQr {
    expiry: QrExpiry,
    issuer: Option<Slug>,
    routes: Vec<CompiledQrRoute>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CompiledQrRoute {
    id: Slug,
    code: Slug,
    wallets: Vec<Slug>,
    fee: Option<CompiledFee>,
}

/// What paying through a wallet comes to, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrRouteTerms {
    /// The route.
    pub route: Slug,
    /// The wallet.
    pub wallet: Slug,
    /// What becomes of the amount.
    pub charge: Charge,
    /// Who pays the fee.
    pub paid_by: FeePayer,
}

impl CompiledQr {
    /// The section of a program in a currency.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit the currency.
    pub fn compile(section: &QrSection, currency: Asset) -> Result<Self, MoneyError> {
        let routes = section.routes.iter().map(|route| {
            let fee = route.fee.as_ref();
            let fee = fee.map(|fee| CompiledFee::compile(fee, currency.scale()));
            Ok(CompiledQrRoute {
                id: route.id.clone(),
                code: route.code.clone(),
                wallets: route.wallets.clone(),
                fee: fee.transpose()?,
            })
        });
        Ok(Self {
            expiry: section.expiry.unwrap_or(QR_EXPIRY_DEFAULT),
            issuer: section.issuer.clone(),
            routes: routes.collect::<Result<_, MoneyError>>()?,
        })
    }

    /// For how long a code can be scanned when nothing is said.
    #[must_use]
    pub fn expiry(&self) -> QrExpiry {
        self.expiry
    }

    /// Who gives out the codes that are signed.
    #[must_use]
    pub fn issuer(&self) -> Option<&Slug> {
        self.issuer.as_ref()
    }

    /// What paying an amount on a code comes to through each wallet, of some or of all: the cheapest for whoever pays first, and of
    /// those that cost the same the one that the program names first. A route whose fee would leave nothing is left out, unless
    /// there is no other.
    ///
    /// # Errors
    /// [`FeeError`] when no route can be charged.
    pub fn quote(
        &self,
        code: &Slug,
        wallets: &[Slug],
        amount: i64,
    ) -> Result<Vec<QrRouteTerms>, FeeError> {
        let mut quotes = Vec::new();
        let mut refusal = None;
        for route in self.routes.iter().filter(|route| route.code == *code) {
            let fee = route.fee.as_ref();
            let charge = fee.map_or(Ok(Charge::free(amount)), |fee| fee.charge(amount));
            let charge = match charge {
                Ok(charge) => charge,
                Err(error) => {
                    refusal.get_or_insert(error);
                    continue;
                }
            };
            let named = route.wallets.iter();
            let named = named.filter(|wallet| wallets.is_empty() || wallets.contains(wallet));
            quotes.extend(named.map(|wallet| QrRouteTerms {
                route: route.id.clone(),
                wallet: wallet.clone(),
                charge,
                paid_by: fee.map_or_else(FeePayer::default, CompiledFee::paid_by),
            }));
        }
        quotes.sort_by_key(|quote| quote.charge.given);
        match refusal {
            Some(error) if quotes.is_empty() => Err(error),
            _ => Ok(quotes),
        }
    }
}

/// For how long a code can be scanned when no program says so.
pub const QR_EXPIRY_DEFAULT: QrExpiry = QrExpiry::Seconds(QR_SECONDS_DEFAULT);

impl QrExpiry {
    /// From when on a code cannot be scanned any more that is given out now; `None` for one that never expires.
    ///
    /// # Errors
    /// [`TimeError`] beyond the supported years.
    pub fn from(self, now: Timestamp) -> Result<Option<Timestamp>, TimeError> {
        match self {
            Self::Never => Ok(None),
            Self::Seconds(seconds) => {
                let micros = i64::from(seconds).saturating_mul(1_000_000);
                let end = now.micros().saturating_add(micros);
                Timestamp::from_micros(end).map(Some)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compiled(routes: &str) -> CompiledQr {
        let section: QrSection = toml::from_str(routes).unwrap();
        let currency = Asset::parse("MYR").unwrap();
        CompiledQr::compile(&section, currency).unwrap()
    }

    const ROUTES: &str = r#"
        [[routes]]
        id = "card"
        code = "merchant"
        wallets = ["card"]
        fee = { percent = "2%", minimum = "0.50", paid_by = "receiver" }
        [[routes]]
        id = "any"
        code = "merchant"
        wallets = ["tng", "boost"]
        fee = { fixed = "0.05" }
        [[routes]]
        id = "own"
        code = "merchant"
        wallets = ["house"]
    "#;

    fn slugs(names: &[&str]) -> Vec<Slug> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn the_cheapest_for_whoever_pays_comes_first() {
        let section = compiled(ROUTES);
        let quote = |wallets: &[&str], amount: i64| {
            let kind = "merchant".parse().unwrap();
            let quotes = section.quote(&kind, &slugs(wallets), amount);
            quotes.map(|quotes| {
                let quotes = quotes.into_iter();
                let told = quotes.map(|quote| {
                    let Charge {
                        given,
                        fee,
                        arrived,
                    } = quote.charge;
                    (quote.wallet.as_str().to_owned(), given, fee, arrived)
                });
                told.collect::<Vec<_>>()
            })
        };
        let told = |wallet: &str, given, fee, arrived| (wallet.to_owned(), given, fee, arrived);
        assert_eq!(
            quote(&[], 2_500).unwrap(),
            [
                // Both cost nothing; the card is named first.
                told("card", 2_500, 50, 2_450),
                told("house", 2_500, 0, 2_500),
                told("tng", 2_505, 5, 2_500),
                told("boost", 2_505, 5, 2_500),
            ]
        );
        assert_eq!(
            quote(&["boost", "paypal"], 2_500).unwrap(),
            [told("boost", 2_505, 5, 2_500)]
        );
        assert_eq!(quote(&["paypal"], 2_500).unwrap(), []);
        // The fee of the card would leave nothing of 50 cents: the others are there.
        assert_eq!(quote(&["card", "house"], 50).unwrap().len(), 1);
        let other = section.quote(&"tng".parse().unwrap(), &[], 2_500);
        assert_eq!(other, Ok(Vec::new()));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_on_a_route_and_none_is_cheaper_than_the_first(
            amount in 1..1_000_000_000_i64,
            wallets in proptest::sample::subsequence(vec!["card", "tng", "boost", "house"], 0..=4),
        ) {
            let section = compiled(ROUTES);
            let kind = "merchant".parse().unwrap();
            let quotes = section.quote(&kind, &slugs(&wallets), amount).unwrap_or_default();
            for quote in &quotes {
                prop_assert_eq!(quote.charge.given, quote.charge.arrived + quote.charge.fee);
                prop_assert!(quote.charge.given >= quotes[0].charge.given);
                prop_assert!(wallets.is_empty() || wallets.contains(&quote.wallet.as_str()));
            }
        }
    }
}
