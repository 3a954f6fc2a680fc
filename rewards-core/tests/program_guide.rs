//! The guide: all programs that it shows can be published, and its requests are requests.

use rewards_core::operations::purchases::{RefundPurchase, ReplacePurchase};
use rewards_core::operations::rewards::GrantReward;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::time::Timestamp;

const HEAD: &str = "id = 'club'\ncurrency = 'EUR'\nzone = 'Europe/Berlin'\n";

/// Every text with the number of programs that it shows.
const TEXTS: &[(&str, usize)] = &[
    (include_str!("../../docs/programs.md"), 7),
    (include_str!("../../docs/guide/src/introduction.md"), 0),
    (include_str!("../../docs/guide/src/money.md"), 0),
    (include_str!("../../docs/guide/src/earning.md"), 1),
    (include_str!("../../docs/guide/src/adjustments.md"), 0),
    (include_str!("../../docs/guide/src/tiers.md"), 1),
    (include_str!("../../docs/guide/src/refunds.md"), 1),
    (include_str!("../../docs/guide/src/deposits.md"), 1),
    (include_str!("../../docs/guide/src/expiry.md"), 1),
    (include_str!("../../docs/guide/src/offers.md"), 1),
    (include_str!("../../docs/guide/src/risk.md"), 1),
    (include_str!("../../docs/guide/src/payments.md"), 2),
    (include_str!("../../docs/guide/src/qr.md"), 2),
    (include_str!("../../docs/guide/src/tokens.md"), 1),
    (include_str!("../../docs/guide/src/spending.md"), 1),
    (include_str!("../../docs/guide/src/transfers.md"), 1),
    (include_str!("../../docs/guide/src/fx.md"), 1),
];

/// The fenced blocks of a language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    let mut left = text;
    let fence = format!("```{language}\n");
    while let Some((_, after)) = left.split_once(&fence) {
        let (block, rest) = after.split_once("```").unwrap_or((after, ""));
        found.push(block);
        left = rest;
    }
    found
}

#[test]
fn every_document_of_the_guide_can_be_published() {
    for (text, programs) in TEXTS {
        let documents = blocks(text, "toml");
        assert_eq!(documents.len(), *programs, "{text}");
        for document in documents {
            let whole = if document.contains("currency =") {
                document.to_owned()
            } else {
                format!("{HEAD}{document}")
            };
            let compiled = Program::from_toml(&whole)
                .and_then(|program| CompiledProgram::compile(program, 1, Timestamp::MIN));
            assert_eq!(compiled.err(), None, "{whole}");
        }
    }
}

#[test]
fn every_request_of_the_guide_can_be_read() {
    for request in blocks(include_str!("../../docs/guide/src/adjustments.md"), "json") {
        let read = serde_json::from_str::<GrantReward>(request);
        assert!(read.is_ok(), "{request}: {read:?}");
    }
    let refunds = blocks(include_str!("../../docs/guide/src/refunds.md"), "json");
    assert!(!refunds.is_empty());
    for request in refunds {
        let read = if request.contains("\"replaced\"") {
            serde_json::from_str::<ReplacePurchase>(request).map(|_| ())
        } else {
            serde_json::from_str::<RefundPurchase>(request).map(|_| ())
        };
        assert!(read.is_ok(), "{request}: {read:?}");
    }
}

/// A chapter that the summary does not name is in no book.
#[test]
fn the_summary_names_every_chapter() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/src");
    let summary = include_str!("../../docs/guide/src/SUMMARY.md");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_named = summary.contains(&format!("]({name})"));
        assert!(is_named || name == "SUMMARY.md", "{name}");
    }
}
