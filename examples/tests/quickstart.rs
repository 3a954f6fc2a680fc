//! The example on a part of its data, twice, and its programs.

use std::error::Error;
use std::path::{Path, PathBuf};

use rewards_core::money::{Asset, Money};
use rewards_core::program::CompiledProgram;
use rewards_core::time::Timestamp;
use rewards_examples::quickstart::{
    Args, Outcome, QuickstartError, load_program, parse_program, run,
};
use tokio::runtime::Builder;

const ROWS: usize = 500;

fn program(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    folder.join(name)
}

type Checked = Result<(), Box<dyn Error>>;

fn run_once(args: &Args) -> Result<(Outcome, String), Box<dyn Error>> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let mut out = Vec::new();
    let outcome = runtime.block_on(run(args, &mut out))?;
    Ok((outcome, String::from_utf8(out)?))
}

/// The report without what depends on the clock and on whether something is new.
fn figures(report: &str) -> Option<&str> {
    report.split_once("\nRewards\n").map(|(_, figures)| figures)
}

#[test]
fn a_second_run_replays_everything_and_changes_nothing() -> Checked {
    let folder = tempfile::tempdir().unwrap();
    let args = Args {
        limit: Some(ROWS),
        output: Some(folder.path().to_owned()),
        ..Args::default()
    };
    let (first, told) = run_once(&args)?;
    let refused: u64 = first.imported.refused.values().sum();
    assert_eq!(first.imported.rows, 500);
    assert_eq!(first.imported.recorded + refused, 500);
    assert_eq!(first.imported.replayed, 0);
    assert_eq!(first.imported.registered, first.imported.members);
    assert!(first.verified.is_valid() && first.verified.entries > 1_000);
    assert!(told.contains(&format!("{} new, 0 replayed", first.imported.recorded)));
    let picture = std::fs::read_to_string(folder.path().join("cashback.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    let log = format!("rewards-first-{ROWS}.db-wal");
    assert!(!folder.path().join(log).exists(), "the log is left behind");

    let (second, told_again) = run_once(&args)?;
    assert_eq!(second.imported.recorded, 0);
    assert_eq!(second.imported.registered, 0);
    assert_eq!(second.imported.replayed, first.imported.recorded);
    assert_eq!(second.imported.refused, first.imported.refused);
    assert_eq!(second.positions, first.positions);
    assert_eq!(second.verified, first.verified);
    assert!(told_again.contains(&format!("0 new, {} replayed", first.imported.recorded)));
    assert!(figures(&told).is_some());
    assert_eq!(figures(&told_again), figures(&told));
    Ok(())
}

#[test]
fn free_orders_are_refused_and_counted() -> Checked {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.txt");
    let rows = [
        " customer_id date number_of_cds dollar_value",
        " 00001 19970101 1 11.77",
        " 00001 19970102 1 0.00",
        " 00002 19970102 2 20.00",
    ];
    std::fs::write(&data, rows.join("\r\n")).unwrap();
    let args = Args {
        data: Some(data.clone()),
        output: Some(folder.path().to_owned()),
        memory: true,
        ..Args::default()
    };
    let (outcome, told) = run_once(&args)?;
    assert_eq!(outcome.imported.recorded, 2);
    let refused: Vec<_> = outcome.imported.refused.into_iter().collect();
    assert_eq!(refused, [("invalid: amount_not_positive".to_owned(), 1)]);
    assert!(told.contains("refused, invalid: amount_not_positive"));
    // 2 % of 11.77 and 20.00, and a dollar for each first purchase.
    let dollars = Asset::parse("USD").unwrap();
    let cashback = outcome
        .positions
        .iter()
        .find(|p| p.granted.asset() == dollars);
    assert_eq!(
        cashback.unwrap().granted,
        Money::parse("2.64", dollars).unwrap()
    );

    std::fs::write(&data, " heading\r\n 00001 19970101 1 eleven\r\n").unwrap();
    let error = run_once(&args).unwrap_err();
    let error = error.downcast::<QuickstartError>()?;
    assert_eq!(error.code(), "data_invalid");
    assert!(error.to_string().contains("line 2"), "{error}");
    Ok(())
}

#[test]
fn all_programs_are_valid_and_keep_their_meaning_as_json() -> Checked {
    for name in ["cd-club.toml", "wallet-billpay.toml", "coffee-points.toml"] {
        let program = load_program(&program(name)).unwrap();
        let json = serde_json::to_string(&program).unwrap();
        let again = rewards_core::program::Program::from_json(&json).unwrap();
        assert_eq!(again, program, "{name}");
        CompiledProgram::compile(program, 1, Timestamp::MIN).unwrap();
    }
    Ok(())
}

#[test]
fn a_wrong_program_is_told_with_all_its_problems() -> Checked {
    let text = std::fs::read_to_string(program("cd-club.toml")).unwrap();
    let text = text
        .replace("\"member-month\"]", "\"member-mnth\"]")
        .replace("\"250.00\"", "\"100.00\"");
    let problems = parse_program(&text).unwrap_err();
    assert!(problems.len() >= 2, "{problems:?}");
    assert!(problems.iter().all(|problem| !problem.path.is_empty()));
    Ok(())
}
