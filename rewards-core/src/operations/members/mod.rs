//! Members: register, update, merge, list and erase them.

mod erase_member;
mod forfeit;
mod list_members;
mod merge_members;
mod register_member;
mod update_member;

pub use erase_member::{ERASED_ENTITIES_MAX, EraseMember, ErasedMember};
pub use forfeit::FORFEIT_LOTS_MAX;
pub use list_members::{ListMembers, ListedMember, MemberList, PreparedMembers};
pub use merge_members::{MergeMembers, MergedMembers, MergedTiers, PreparedMerger};
pub use register_member::{RegisterMember, RegisteredMember};
pub use update_member::{UpdateMember, UpdatedMember};

use std::collections::{BTreeMap, BTreeSet};

use crate::cashback::{FACT_BYTES_MAX, FACTS_MAX};
use crate::rejection::Problem;

/// What is wrong with the segments and attributes of a member.
fn check_facts(
    segments: &BTreeSet<String>,
    attributes: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    for (path, count) in [
        ("segments", segments.len()),
        ("attributes", attributes.len()),
    ] {
        if count > FACTS_MAX {
            let detail = format!("at most {FACTS_MAX}, got {count}");
            problems.push(Problem::new("too_many_facts", path, detail));
        }
    }
    let attributes = attributes.iter().flat_map(|(name, value)| [name, value]);
    let texts = segments.iter().map(|text| ("segments", text));
    for (path, text) in texts.chain(attributes.map(|text| ("attributes", text))) {
        if text.len() > FACT_BYTES_MAX {
            let detail = format!("at most {FACT_BYTES_MAX} bytes, got {}", text.len());
            problems.push(Problem::new("text_too_long", path, detail));
        }
    }
}
