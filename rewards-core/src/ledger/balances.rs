//! What one holder has: an amount per purpose and asset, none of them below zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;

use super::{LedgerError, Purpose};
use crate::money::Asset;

/// The balances of one holder, by purpose and asset. They are a cache of its journal, written in the same step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balances(SmallVec<[(Purpose, Asset, i64); 4]>);

impl Balances {
    /// A balance in minor units; zero for what the holder never had.
    #[must_use]
    pub fn get(&self, purpose: &Purpose, asset: Asset) -> i64 {
        let own = self.0.iter().find(|(p, a, _)| *a == asset && p == purpose);
        own.map_or(0, |(_, _, minor)| *minor)
    }

    /// Moves a balance.
    ///
    /// # Errors
    /// [`LedgerError::Insufficient`] when it would fall below zero, [`LedgerError::Overflow`] when it would leave its range.
    pub fn add(&mut self, purpose: &Purpose, asset: Asset, delta: i64) -> Result<(), LedgerError> {
        let place = self
            .0
            .iter()
            .position(|(p, a, _)| *a == asset && p == purpose);
        let before = place.and_then(|at| self.0.get(at)).map_or(0, |own| own.2);
        let after = before.checked_add(delta).ok_or(LedgerError::Overflow)?;
        if after < 0 {
            return Err(LedgerError::Insufficient {
                needed: delta.saturating_neg(),
                available: before,
            });
        }
        match place.and_then(|at| self.0.get_mut(at)) {
            Some((_, _, minor)) => *minor = after,
            None => {
                let at = self
                    .0
                    .partition_point(|(p, a, _)| (p, *a) < (purpose, asset));
                self.0.insert(at, (purpose.clone(), asset, after));
            }
        }
        Ok(())
    }

    /// All of them, in the order of purposes and assets; those at zero, too.
    pub fn iter(&self) -> impl Iterator<Item = (&Purpose, Asset, i64)> + '_ {
        self.0
            .iter()
            .map(|(purpose, asset, minor)| (purpose, *asset, *minor))
    }
}

impl Serialize for Balances {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(p, a, minor)| (format!("{p}/{a}"), minor)),
        )
    }
}

impl<'de> Deserialize<'de> for Balances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let found = BTreeMap::<String, i64>::deserialize(deserializer)?;
        let mut balances = Self::default();
        for (name, minor) in found {
            let account = name.split_once('/').and_then(|(purpose, asset)| {
                Some((Purpose::parse(purpose)?, Asset::parse(asset).ok()?))
            });
            let (purpose, asset) = account
                .ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not an account")))?;
            let added = balances.add(&purpose, asset, minor);
            added.map_err(serde::de::Error::custom)?;
        }
        Ok(balances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_stays_in_its_range_and_reads_back() {
        let (eur, stars) = (
            Asset::parse("EUR").unwrap(),
            Asset::parse("stars/2").unwrap(),
        );
        let mut balances = Balances::default();
        let moves = [
            (Purpose::Pending, eur, 5, None),
            (Purpose::Points, stars, i64::MAX, None),
            (Purpose::Points, stars, 1, Some(LedgerError::Overflow)),
            (
                Purpose::Pending,
                eur,
                -6,
                Some(LedgerError::Insufficient {
                    needed: 6,
                    available: 5,
                }),
            ),
            (Purpose::Pending, eur, -5, None),
            (Purpose::Cashback, eur, 5, None),
        ];
        for (purpose, asset, delta, refused) in moves {
            assert_eq!(balances.add(&purpose, asset, delta).err(), refused);
        }
        let text = serde_json::to_string(&balances).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"cashback/EUR":5,"points/stars/2":{},"pending/EUR":0}}"#,
                i64::MAX
            )
        );
        assert_eq!(serde_json::from_str::<Balances>(&text).unwrap(), balances);
    }
}
