//! Stages around the steps of a payment: what has to run, what a payment fails with, and what is counted.

use rewards_core::operations::payments::{
    GetStageStatistics, HoldPayment, ReportPayment, SubmitPayment,
};
use rewards_core::payments::{PaymentFailure, PaymentState};
use rewards_core::pipeline::{StageOutcome, StagePoint, StageRun};
use rewards_core::rejection::Rejection;

use super::{balance_of, code, completed, create, declined, get, hold, report, statistics, submit};
use crate::world::World;

const STAGES: &str = r#"
    [pipeline]
    stages = [
        { id = "fx", critical = true, timeout_millis = 300 },
        { id = "mood" },
        { id = "off", enabled = false },
        { id = "limit", at = "submit", critical = true },
        { id = "tell", at = "report" },
    ]
"#;

fn world() -> World {
    let mut world = World::with(&format!("{}{STAGES}", super::PROGRAM));
    world.give_main("ann", 100_000);
    world
}

fn run(stage: &str, outcome: StageOutcome, millis: u32) -> StageRun {
    StageRun {
        stage: stage.parse().unwrap(),
        version: "2.1".to_owned(),
        outcome,
        millis,
        answer: [("rate".to_owned(), "1.08".to_owned())].into(),
    }
}

fn answered(stage: &str) -> StageRun {
    run(stage, StageOutcome::Answered, 10)
}

fn failed(stage: &str) -> StageRun {
    run(stage, StageOutcome::Failed("down".parse().unwrap()), 40)
}

fn hold_with(payment: &str, stages: Vec<StageRun>) -> HoldPayment {
    HoldPayment {
        stages,
        ..hold(payment)
    }
}

fn submit_with(payment: &str, stages: Vec<StageRun>) -> SubmitPayment {
    SubmitPayment {
        stages,
        ..submit(payment)
    }
}

#[test]
fn what_stages_said_is_kept_and_counted() {
    let mut world = world();
    world.run(&create("p1", "50.00")).unwrap();
    let before = vec![answered("fx"), failed("mood")];
    let held = world.run(&hold_with("p1", before.clone())).unwrap();
    assert_eq!(
        held.state,
        PaymentState::Held,
        "what is not critical stops nothing"
    );
    let tried = world
        .run(&submit_with("p1", vec![answered("limit")]))
        .unwrap();
    assert_eq!(tried.attempt, 1);
    // While the attempt is not over, nothing has to run again, and nothing is noted.
    let again = world.run(&submit("p1")).unwrap();
    assert_eq!(again, tried);
    world
        .run(&submit_with("p1", vec![answered("limit")]))
        .unwrap();
    let paid = ReportPayment {
        stages: vec![run("tell", StageOutcome::TimedOut, 5_000)],
        ..report("p1", 1, completed())
    };
    world.run(&paid).unwrap();
    let told = get(&mut world, "p1").stages;
    let points: Vec<StagePoint> = told.iter().map(|one| one.at).collect();
    use StagePoint::{Hold, Report, Submit};
    assert_eq!(points, [Hold, Hold, Submit, Report]);
    assert_eq!(told[0].run, before[0]);
    let counted: Vec<_> = statistics(&mut world)
        .into_iter()
        .map(|one| {
            let ended = [one.answered, one.skipped, one.timed_out, one.failed];
            (one.stage.to_string(), ended, one.mean_millis)
        })
        .collect();
    let row = |stage: &str, ended, mean| (stage.to_owned(), ended, mean);
    assert_eq!(
        counted,
        [
            row("fx", [1, 0, 0, 0], Some(10)),
            row("mood", [0, 0, 0, 1], Some(40)),
            row("off", [0; 4], None),
            row("limit", [1, 0, 0, 0], Some(10)),
            row("tell", [0, 0, 1, 0], Some(5_000)),
        ]
    );
    world.assert_valid();
}

#[test]
fn a_payment_fails_with_a_critical_stage_and_holds_nothing() {
    let mut world = world();
    world.run(&create("p1", "50.00")).unwrap();
    let ended = world.run(&hold_with("p1", vec![failed("fx")])).unwrap();
    assert_eq!(ended.state, PaymentState::Failed);
    let stage = |name: &str| Some(PaymentFailure::Stage(name.parse().unwrap()));
    assert_eq!(ended.failure, stage("fx"));
    world.run(&create("p2", "50.00")).unwrap();
    world.run(&hold_with("p2", vec![answered("fx")])).unwrap();
    assert_eq!(balance_of(&world, "ann"), (94_990, 5_010));
    let late = vec![run("limit", StageOutcome::TimedOut, 301)];
    let ended = world.run(&submit_with("p2", late)).unwrap();
    assert_eq!(
        (ended.state, ended.attempt, ended.key),
        (PaymentState::Failed, 0, None)
    );
    assert_eq!(ended.failure, stage("limit"));
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    assert_eq!(get(&mut world, "p2").stages.len(), 2);
    world.assert_valid();
}

#[test]
fn stages_run_anew_for_each_attempt() {
    let mut world = world();
    world.run(&create("p1", "50.00")).unwrap();
    world.run(&hold_with("p1", vec![answered("fx")])).unwrap();
    world
        .run(&submit_with("p1", vec![answered("limit")]))
        .unwrap();
    world.run(&report("p1", 1, declined("busy"))).unwrap();
    assert_eq!(code(world.run(&submit("p1"))), "stage_missing");
    let second = world
        .run(&submit_with("p1", vec![answered("limit")]))
        .unwrap();
    assert_eq!(second.attempt, 2);
    let limits = statistics(&mut world).remove(3);
    assert_eq!((limits.answered, limits.mean_millis), (2, Some(10)));
    world.assert_valid();
}

#[test]
fn what_cannot_have_run_is_refused() {
    let mut world = world();
    world.run(&create("p1", "50.00")).unwrap();
    let version = StageRun {
        version: String::new(),
        ..answered("fx")
    };
    let much = StageRun {
        answer: (0..17).map(|n| (n.to_string(), String::new())).collect(),
        ..answered("fx")
    };
    let long = StageRun {
        answer: [("a".to_owned(), "b".repeat(257))].into(),
        ..answered("fx")
    };
    for (stages, expected, path) in [
        (vec![version], "text_invalid", "stages[0].version"),
        (vec![much], "too_many_facts", "stages[0].answer"),
        (vec![long], "text_too_long", "stages[0].answer"),
        (vec![answered("fx"); 33], "too_many", "stages"),
        (vec![answered("none")], "stage_unknown", "stages[0].stage"),
        (
            vec![answered("fx"), answered("off")],
            "stage_unknown",
            "stages[1].stage",
        ),
        (
            vec![answered("fx"), answered("fx")],
            "stage_out_of_order",
            "stages[1].stage",
        ),
    ] {
        let Err(Rejection::Invalid(problems)) = world.run(&hold_with("p1", stages)) else {
            panic!("{expected}");
        };
        assert_eq!((&*problems[0].code, &*problems[0].path), (expected, path));
    }
    assert_eq!(code(world.run(&hold("p1"))), "stage_missing");
    assert_eq!(get(&mut world, "p1").state, PaymentState::Created);
    let ask = |from: &str, through: &str| GetStageStatistics {
        program: "main".parse().unwrap(),
        from: from.parse().ok(),
        through: through.parse().ok(),
    };
    assert_eq!(code(world.run(&ask("2026-03-03", "2026-03-02"))), "invalid");
    assert_eq!(code(world.run(&ask("2025-03-01", "2026-03-02"))), "invalid");
    assert_eq!(code(world.run(&ask("2025-03-02", "2026-03-02"))), "ok");
}
