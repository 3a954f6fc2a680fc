//! Which assets a tenant knows: a misspelt one would be granted, and never found again.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::member::MemberRow;
use crate::money::Asset;
use crate::parse::{excerpt, nearest};
use crate::rejection::{Problem, Rejection};

/// Refuses an asset that no revision of any program of the tenant declares, as its currency or as one of its units. A tenant
/// without any program has declared nothing yet, and may grant what it likes.
///
/// # Errors
/// [`Rejection::Invalid`] at the path, with the name that was probably meant.
pub(super) fn check_declared(
    context: &Context,
    path: &'static str,
    asset: Asset,
) -> Result<(), Rejection> {
    let mut known = declared(context).peekable();
    if known.peek().is_none() || known.any(|known| known == asset) {
        return Ok(());
    }
    let known: BTreeSet<String> = declared(context).map(|known| known.to_string()).collect();
    let name = asset.to_string();
    let meant = nearest(&name, known.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!(", did you mean `{meant}`"));
    let detail = format!(
        "unknown asset `{}`{meant}; expected the currency or a unit of a program",
        excerpt(&name)
    );
    Err(Problem::new("asset_unknown", path, detail).into())
}

/// The same for what a member may have from before: what the member has or had is known as well.
///
/// # Errors
/// As [`check_declared`].
pub(super) fn check_known(
    context: &Context,
    row: &MemberRow,
    path: &'static str,
    asset: Asset,
) -> Result<(), Rejection> {
    if row.balances.iter().any(|(_, had, _)| had == asset) {
        return Ok(());
    }
    check_declared(context, path, asset)
}

fn declared(context: &Context) -> impl Iterator<Item = Asset> {
    let revisions = context.programs.values().flat_map(|all| all.iter());
    revisions.flat_map(|revision| {
        let units = revision.document().units.iter().map(|unit| unit.asset);
        units.chain([revision.currency()])
    })
}
