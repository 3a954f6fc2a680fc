//! Splitting a total so that the shares sum to it exactly.

use std::cmp::Reverse;

use super::MoneyError;

/// Splits `total` in proportion to `weights` by the largest remainder method (Hamilton).
///
/// Each share is first cut off; the minor units left over go one each to the shares that lost the largest part,
/// on a tie to the earliest. So the shares sum to `total`, each is less than one minor unit from its exact
/// proportion, and a weight of zero gets nothing. A negative total is split as its positive mirror image, so a
/// reversal takes back exactly what was given.
///
/// # Errors
/// [`MoneyError::BadWeights`] when `weights` is empty or all zero.
///
/// ```
/// use rewards_core::money::allocate;
///
/// assert_eq!(allocate(100, &[1, 1, 1])?, [34, 33, 33]);
/// assert_eq!(allocate(-100, &[1, 1, 1])?, [-34, -33, -33]);
/// assert!(allocate(100, &[0, 0]).is_err());
/// # Ok::<(), rewards_core::money::MoneyError>(())
/// ```
pub fn allocate(total: i64, weights: &[u64]) -> Result<Vec<i64>, MoneyError> {
    let weight_sum = weight_sum(weights)?;
    let units = total.unsigned_abs();
    let mut shares = Vec::with_capacity(weights.len());
    let mut remaining = u128::from(units);
    for &weight in weights {
        // Two 64-bit factors always fit in 128 bits, so nothing saturates.
        let exact = u128::from(units).saturating_mul(u128::from(weight));
        let (Some(units), Some(lost)) =
            (exact.checked_div(weight_sum), exact.checked_rem(weight_sum))
        else {
            return Err(MoneyError::Overflow);
        };
        remaining = remaining.checked_sub(units).ok_or(MoneyError::Overflow)?;
        shares.push(Share { units, lost });
    }
    hand_out(&mut shares, remaining);
    shares
        .into_iter()
        .map(|share| share.signed(total < 0))
        .collect()
}

struct Share {
    /// Whole minor units, without the sign of the total.
    units: u128,
    /// What was cut off, in parts of one minor unit divided by the sum of the weights.
    lost: u128,
}

impl Share {
    fn signed(&self, negative: bool) -> Result<i64, MoneyError> {
        let units = u64::try_from(self.units).map_err(|_| MoneyError::Overflow)?;
        let signed = if negative {
            0_i64.checked_sub_unsigned(units)
        } else {
            0_i64.checked_add_unsigned(units)
        };
        signed.ok_or(MoneyError::Overflow)
    }
}

fn weight_sum(weights: &[u64]) -> Result<u128, MoneyError> {
    let reason = if weights.is_empty() {
        "expected at least one weight"
    } else {
        "expected at least one weight above zero"
    };
    let sum = weights
        .iter()
        .try_fold(0_u128, |sum, &weight| sum.checked_add(u128::from(weight)))
        .ok_or(MoneyError::Overflow)?;
    if sum == 0 {
        return Err(MoneyError::BadWeights { reason });
    }
    Ok(sum)
}

/// Gives one unit each to the `remaining` shares that lost most. What was lost sums to `remaining` units and every
/// single loss is below one, so there are always more losers than units, and a zero weight never receives one.
fn hand_out(shares: &mut [Share], remaining: u128) {
    let Ok(remaining) = usize::try_from(remaining) else {
        return;
    };
    let mut losers: Vec<&mut Share> = shares.iter_mut().collect();
    // The sort is stable, so ties keep the order of the weights.
    losers.sort_by_key(|share| Reverse(share.lost));
    for share in losers.into_iter().take(remaining) {
        share.units = share.units.saturating_add(1);
    }
}
