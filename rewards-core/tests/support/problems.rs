//! Problems as tests compare them.

use rewards_core::program::Program;
use rewards_core::rejection::Problem;

/// The code and the path of each.
pub fn found(problems: &[Problem]) -> Vec<(&str, &str)> {
    problems.iter().map(|p| (&*p.code, &*p.path)).collect()
}

/// What is told of a TOML document: these codes at these paths.
#[track_caller]
pub fn refused(document: &str, want: &[(&str, &str)]) -> Vec<Problem> {
    let problems = Program::from_toml(document).err().unwrap_or_default();
    assert_eq!(found(&problems), want, "{document}\n{problems:#?}");
    problems
}
