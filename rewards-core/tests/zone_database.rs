//! The table of time zones is that of `chrono-tz`: made from it, and the same in every zone at every change.
//!
//! With `REWARDS_WRITE_ZONES=1` it is written anew, for a new edition of the database.

#![expect(
    clippy::unwrap_used,
    reason = "a failed unwrap fails the test, as it should"
)]

use std::collections::BTreeMap;
use std::iter;
use std::path::Path;

use chrono_tz::{TZ_VARIANTS, Tz};
use rewards_core::time::Zone;

use crate::zone_transitions::{offset, transitions};

/// 1969-12-25 and 2100-01-01: nothing is known to change after that.
const FROM: i64 = -604_800;
const UNTIL: i64 = 4_102_444_800;

static STORED: &[u8] = include_bytes!("../src/time/zones.bin");

type Changes = Vec<(i64, i64)>;

/// From when on which offset held.
fn changes(zone: Tz) -> Changes {
    let first = (FROM, offset(zone, FROM));
    let later = transitions(zone, FROM, UNTIL).into_iter();
    iter::once(first)
        .chain(later.map(|change| (change.at, change.after)))
        .collect()
}

/// The file, as `zone_table.rs` describes it.
fn file(zones: &[(&str, Changes)]) -> Vec<u8> {
    let mut rules: Vec<&Changes> = Vec::new();
    let mut names: Vec<u8> = Vec::new();
    let mut texts: Vec<u8> = Vec::new();
    for (name, changes) in zones {
        let known = rules.iter().position(|rule| *rule == changes);
        let rule = known.unwrap_or_else(|| {
            rules.push(changes);
            rules.len() - 1
        });
        names.extend(u16::try_from(rule).unwrap().to_le_bytes());
        names.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        texts.extend_from_slice(name.as_bytes());
    }
    let all = rules.iter().flat_map(|rule| rule.iter());
    let mut numbers: BTreeMap<i64, u8> = all.clone().map(|(_, offset)| (*offset, 0)).collect();
    for (number, own) in numbers.values_mut().enumerate() {
        *own = u8::try_from(number).unwrap_or(u8::MAX);
    }
    assert!(numbers.len() <= 256, "a byte is too small for an offset");
    let counts = [zones.len(), rules.len(), numbers.len(), all.clone().count()];
    let mut file: Vec<u8> = counts
        .iter()
        .flat_map(|count| u32::try_from(*count).unwrap().to_le_bytes())
        .collect();
    file.extend(names);
    file.extend(
        rules
            .iter()
            .flat_map(|rule| u16::try_from(rule.len()).unwrap().to_le_bytes()),
    );
    let offsets = numbers.keys().map(|offset| i32::try_from(*offset).unwrap());
    file.extend(offsets.flat_map(i32::to_le_bytes));
    file.extend(
        all.clone()
            .flat_map(|(at, _)| u32::try_from(at - FROM).unwrap().to_le_bytes()),
    );
    file.extend(all.map(|(_, offset)| numbers.get(offset).copied().unwrap_or(u8::MAX)));
    file.extend(texts);
    file
}

#[expect(
    clippy::disallowed_methods,
    reason = "a new edition of the database has to come into the sources"
)]
fn write(file: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/time/zones.bin");
    std::fs::write(path, file).unwrap();
}

#[test]
fn the_table_is_that_of_the_database() {
    let mut zones: Vec<(&str, Changes)> = TZ_VARIANTS
        .iter()
        .map(|zone| (zone.name(), changes(*zone)))
        .collect();
    // As the table has it: UTC first, the others by name.
    zones.sort_by_key(|(name, _)| (*name != "UTC", *name));
    let made = file(&zones);
    if std::env::var_os("REWARDS_WRITE_ZONES").is_some() {
        write(&made);
    }
    assert!(
        STORED == made,
        "zones.bin is of another edition: write it with REWARDS_WRITE_ZONES=1"
    );
    for (name, _) in zones {
        assert_eq!(Zone::parse(name).unwrap().name(), name);
    }
    assert_eq!(Zone::UTC.name(), "UTC");
}
