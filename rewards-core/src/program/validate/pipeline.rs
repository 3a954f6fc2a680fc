//! The pipeline of payments: its stages.

use super::Checker;
use crate::parse::At;
use crate::pipeline::{STAGE_MILLIS_MAX, STAGES_MAX, StagePoint};

pub(super) fn check(checker: &mut Checker<'_>) {
    let program = checker.program;
    let Some(section) = &program.pipeline else {
        return;
    };
    let root = At::Root;
    let at = root.field("pipeline");
    if program.payments.is_none() {
        let words = "stages run around the steps of payments: add the section `payments`";
        checker.report("section_missing", &at, words);
    }
    let list = at.field("stages");
    let ids = section.stages.iter().map(|stage| stage.id.as_str());
    checker.names(&list, STAGES_MAX, ids);
    for (index, stage) in section.stages.iter().take(STAGES_MAX).enumerate() {
        let item = list.item(index);
        let millis = item.field("timeout_millis");
        checker.number(&millis, stage.timeout_millis, 1, STAGE_MILLIS_MAX);
        if stage.critical && stage.at == StagePoint::Report {
            let words = "the outcome is known by then: no payment can fail any more";
            checker.report("stage_too_late", &item.field("critical"), words);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::program::Program;
    use crate::program::validate::validate;

    const HEAD: &str = "id = 'club'\ncurrency = 'MYR'\nzone = 'UTC'\n";
    const PAYMENTS: &str = "[redemptions]\norder = ['main']\n[payments]\nroutes = [{ id = 'a' }]\n";

    #[test]
    fn what_is_wrong_with_a_pipeline() {
        for (stages, code, path) in [
            (
                "{ id = 'a' }, { id = 'a' }",
                "id_duplicate",
                "pipeline.stages[1].id",
            ),
            (
                "{ id = 'a', timeout_millis = 0 }",
                "number_out_of_range",
                "pipeline.stages[0].timeout_millis",
            ),
            (
                "{ id = 'a', timeout_millis = 600001 }",
                "number_out_of_range",
                "pipeline.stages[0].timeout_millis",
            ),
            (
                "{ id = 'a', at = 'report', critical = true }",
                "stage_too_late",
                "pipeline.stages[0].critical",
            ),
        ] {
            let text = format!("{HEAD}{PAYMENTS}[pipeline]\nstages = [{stages}]");
            let problems = validate(&Program::from_toml(&text).unwrap());
            let told = problems.iter().map(|one| (&*one.code, &*one.path));
            assert_eq!(told.collect::<Vec<_>>(), [(code, path)], "{stages}");
        }
        let alone = format!("{HEAD}[pipeline]\nstages = []");
        let problems = validate(&Program::from_toml(&alone).unwrap());
        assert_eq!(
            (&*problems[0].code, &*problems[0].path),
            ("section_missing", "pipeline")
        );
    }
}
