//! The IANA time zone database as one small table.
//!
//! `zones.bin` holds, for every zone, when its offset changed from the end of 1969 on: a number of four bytes and one of one
//! byte a change, without a pointer in it. As the constants of `chrono-tz` the same is several times as large, and a phone has
//! to carry it. The test `zone_database` makes the file from `chrono-tz` and compares every zone with it, so it is as new as
//! that is.
//!
//! All numbers have their low byte first. The file begins with four counts of four bytes: names, rules, offsets, changes. Then
//! come:
//! - for each name the number of its rule and the length of its text, two bytes each, with `UTC` as the first name;
//! - for each rule the number of its changes, two bytes;
//! - the offsets in seconds, four bytes each;
//! - for each change its time, in seconds after [`BASE`], four bytes;
//! - for each change the number of its offset, one byte;
//! - the texts of the names.

use std::ops::Range;
use std::sync::LazyLock;

/// The second from which changes are known, 1969-12-25. The first one of each rule stands there: what was the case then.
const BASE: i64 = -604_800;

/// A zone of the table.
pub(super) type ZoneNumber = u16;

/// Coordinated Universal Time.
pub(super) const UTC: ZoneNumber = 0;

static FILE: &[u8] = include_bytes!("zones.bin");

/// Read when a zone is asked for the first time.
static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(FILE).unwrap_or_default());

#[derive(Debug, Default)]
struct Table {
    /// The name of each zone, and which of `changes` are its own.
    zones: Vec<(&'static str, Range<usize>)>,
    /// When an offset begins, in seconds after [`BASE`], and the offset.
    changes: Vec<(u32, i32)>,
}

/// The zone with this name.
pub(super) fn find(name: &str) -> Option<ZoneNumber> {
    let at = names().position(|known| known == name)?;
    ZoneNumber::try_from(at).ok()
}

/// The name of a zone.
pub(super) fn name(zone: ZoneNumber) -> &'static str {
    let zone = TABLE.zones.get(usize::from(zone));
    zone.map_or("UTC", |(name, _)| name)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.zones.iter().map(|(name, _)| *name)
}

/// Local minus UTC time at a second since the epoch, in seconds.
pub(super) fn offset_at(zone: ZoneNumber, second: i64) -> i64 {
    spans_from(zone, second)
        .next()
        .map_or(0, |(_, offset)| offset)
}

/// From which second on which offset holds: the one that holds at a second, and all that follow.
pub(super) fn spans_from(zone: ZoneNumber, second: i64) -> impl Iterator<Item = (i64, i64)> {
    let zone = TABLE.zones.get(usize::from(zone));
    let own = zone.and_then(|(_, own)| TABLE.changes.get(own.clone()));
    let own = own.unwrap_or_default();
    let start = |time: u32| BASE.saturating_add(time.into());
    let next = own.partition_point(|(time, _)| start(*time) <= second);
    let spans = own.get(next.saturating_sub(1)..).unwrap_or_default();
    spans
        .iter()
        .map(move |(time, offset)| (start(*time), i64::from(*offset)))
}

impl Table {
    /// `None` when the file is not as described, which the test of every zone would show.
    fn read(file: &'static [u8]) -> Option<Self> {
        let mut rest = file;
        let mut count = || usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok();
        let (names, rules, offsets, changes) = (count()?, count()?, count()?, count()?);
        let mut zones = Vec::with_capacity(names);
        for _ in 0..names {
            let rule = u16::from_le_bytes(take(&mut rest)?);
            zones.push((rule, u16::from_le_bytes(take(&mut rest)?)));
        }
        let mut ranges = Vec::with_capacity(rules);
        let mut start = 0_usize;
        for _ in 0..rules {
            let end = start.checked_add(u16::from_le_bytes(take(&mut rest)?).into())?;
            ranges.push(start..end);
            start = end;
        }
        let offsets = (0..offsets).map(|_| Some(i32::from_le_bytes(take(&mut rest)?)));
        let offsets: Vec<i32> = offsets.collect::<Option<_>>()?;
        let times = (0..changes).map(|_| Some(u32::from_le_bytes(take(&mut rest)?)));
        let times: Vec<u32> = times.collect::<Option<_>>()?;
        let mut all = Vec::with_capacity(changes);
        for time in times {
            let [number] = take(&mut rest)?;
            let offset = *offsets.get(usize::from(number))?;
            all.push((time, offset));
        }
        let mut texts = std::str::from_utf8(rest).ok()?;
        let zones = zones.into_iter().map(|(rule, length)| {
            let (name, behind) = texts.split_at_checked(length.into())?;
            texts = behind;
            Some((name, ranges.get(usize::from(rule))?.clone()))
        });
        Some(Self {
            zones: zones.collect::<Option<_>>()?,
            changes: all,
        })
    }
}

/// Takes some bytes off the front.
fn take<const N: usize>(rest: &mut &'static [u8]) -> Option<[u8; N]> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*bytes)
}
