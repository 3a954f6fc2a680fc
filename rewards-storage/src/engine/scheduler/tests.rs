//! The scheduler against a model that is too slow to use and too simple to be wrong.
//!
//! The model keeps all who wait in one list in the order of tickets, and finds out who may be taken by walking through it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Lines of members are below 100, those of runs above.
const RUN: u32 = 100;

#[derive(Debug, Clone)]
struct Command {
    name: usize,
    place: Place<u32>,
}

impl Scheduled<u32> for Command {
    fn place(&self) -> &Place<u32> {
        &self.place
    }

    fn place_mut(&mut self) -> &mut Place<u32> {
        &mut self.place
    }
}

fn command(name: usize, run: Option<u32>, members: &[u32]) -> Command {
    Command {
        name,
        place: Place::new(run.map(|run| RUN + run), members.iter().copied()),
    }
}

fn names(commands: &[Command]) -> Vec<usize> {
    commands.iter().map(|command| command.name).collect()
}

#[test]
fn a_batch_takes_lines_that_nobody_else_works_on() {
    let mut all = Scheduler::default();
    for (name, members) in [&[1][..], &[2], &[1], &[3, 1], &[], &[3], &[2]]
        .into_iter()
        .enumerate()
    {
        all.push(command(name, None, members));
    }
    let first = all.take(2);
    assert_eq!(names(&first.commands), [0, 1]);
    // 2 and 3 wait for line 1, 5 stands behind 3, 6 waits for line 2; 4 stands nowhere.
    let second = all.take(9);
    assert_eq!(names(&second.commands), [4]);
    assert!(!all.has_ready() && all.take(9).commands.is_empty());
    all.release(first.lines, []);
    let third = all.take(9);
    assert_eq!(names(&third.commands), [2, 3, 5, 6]);
    all.release(second.lines, []);
    all.release(third.lines, []);
    assert!(all.is_empty() && all.lines.is_empty());
}

thread_local! {
    /// How often a crowd was looked at.
    static LOOKS: Cell<usize> = const { Cell::new(0) };
}

/// A command that counts how often it is looked at.
struct Crowd(Place<u32>);

impl Scheduled<u32> for Crowd {
    fn place(&self) -> &Place<u32> {
        LOOKS.set(LOOKS.get() + 1);
        &self.0
    }

    fn place_mut(&mut self) -> &mut Place<u32> {
        &mut self.0
    }
}

#[test]
fn whoever_waits_in_many_lines_is_looked_at_once_when_they_are_free() {
    const LINES: u32 = 1_000;
    let lines = || (0..LINES).chain(0..LINES);
    let mut all = Scheduler::default();
    for _ in 0..3 {
        all.push(Crowd(Place::new(None, lines())));
    }
    let mut first = all.take(1);
    assert_eq!(first.lines.len(), 1_000);
    let back = first.commands.pop().unwrap();
    all.release(first.lines, [back]);
    let both = all.take(2);
    assert_eq!(both.commands.len(), 2);
    all.release(both.lines, []);
    assert_eq!(all.take(9).commands.len(), 1);
    // Three that wait, two that come to stand first, and what is taken: each a few times, and not once for each line.
    let looks = LOOKS.get();
    assert!(looks < 50, "{looks}");
}

#[test]
fn what_comes_back_stands_before_what_came_later() {
    let mut all = Scheduler::default();
    for name in 0..4 {
        all.push(command(name, None, &[1]));
    }
    let mut first = all.take(3);
    let back = first.commands.split_off(1);
    all.release(first.lines, back.into_iter().rev());
    assert_eq!(names(&all.take(9).commands), [1, 2, 3]);
}

#[test]
fn all_behind_a_place_are_cut_and_all_behind_those() {
    let mut all = Scheduler::default();
    for (name, members) in [&[1][..], &[2], &[1, 3], &[3], &[2], &[4]]
        .into_iter()
        .enumerate()
    {
        all.push(command(name, None, members));
    }
    let first = all.take(1);
    let cut = all.cut_behind(&first.commands[0].place);
    assert_eq!(names(&cut), [2, 3]);
    all.release(first.lines, []);
    let rest = all.take(9);
    assert_eq!(names(&rest.commands), [1, 4, 5]);
    all.release(rest.lines, []);
    assert!(all.is_empty() && all.lines.is_empty());
}

#[test]
fn what_stands_before_a_place_is_not_cut() {
    let mut all = Scheduler::default();
    for name in 0..3 {
        all.push(command(name, None, &[1]));
    }
    let Taken {
        mut commands,
        lines,
    } = all.take(2);
    let failed = commands.pop().unwrap();
    all.push(commands.pop().unwrap());
    assert_eq!(names(&all.cut_behind(&failed.place)), [2]);
    all.release(lines, []);
    assert_eq!(names(&all.take(9).commands), [0]);
}

#[test]
fn what_comes_back_may_join_another_line_before_one_who_was_ready() {
    let mut all = Scheduler::default();
    all.push(command(0, None, &[1]));
    all.push(command(1, None, &[2]));
    let mut first = all.take(1);
    let mut back = first.commands.remove(0);
    back.place_mut().join_all([2]);
    all.release(first.lines, [back]);
    let taken = all.take(1);
    assert_eq!(names(&taken.commands), [0]);
    assert!(!all.has_ready());
    all.release(taken.lines, []);
    assert_eq!(names(&all.take(1).commands), [1]);
}

#[test]
fn a_run_has_batches_of_its_own() {
    let mut all = Scheduler::default();
    for (name, (run, members)) in [
        (None, &[1][..]),
        (Some(1), &[2]),
        (Some(1), &[3]),
        (None, &[3]),
        (Some(2), &[4]),
        (Some(1), &[3]),
    ]
    .into_iter()
    .enumerate()
    {
        all.push(command(name, run, members));
    }
    let strangers = all.take(9);
    assert_eq!(names(&strangers.commands), [0]);
    let one = all.take(9);
    // The last of the run stands behind the stranger at line 3.
    assert_eq!(names(&one.commands), [1, 2]);
    let two = all.take(9);
    assert_eq!(names(&two.commands), [4]);
    all.release(one.lines, []);
    assert_eq!(names(&all.take(9).commands), [3]);
}

#[test]
fn who_must_be_alone_is() {
    let mut all = Scheduler::default();
    for name in 0..4 {
        let mut command = command(name, None, &[1]);
        command.place.alone = name == 1;
        all.push(command);
    }
    for want in [&[0][..], &[1], &[2, 3]] {
        let taken = all.take(9);
        assert_eq!(names(&taken.commands), want);
        all.release(taken.lines, []);
    }
}

/// One step of whoever uses the scheduler.
#[derive(Debug, Clone)]
enum Step {
    Push {
        run: Option<u32>,
        members: Vec<u32>,
    },
    Take {
        max: usize,
    },
    /// Ends one of the open batches; commands whose bit is set come back, some in one more line.
    Release {
        batch: usize,
        again: u8,
        join: Option<u32>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let run = prop_oneof![3 => Just(None), 1 => (0..2_u32).prop_map(Some)];
    prop_oneof![
        4 => (run, vec(0..5_u32, 0..3)).prop_map(|(run, members)| Step::Push { run, members }),
        3 => (1..5_usize).prop_map(|max| Step::Take { max }),
        3 => (0..4_usize, any::<u8>(), proptest::option::of(0..5_u32))
            .prop_map(|(batch, again, join)| Step::Release { batch, again, join }),
    ]
}

/// Who waits, by ticket, and the lines that open batches hold.
#[derive(Debug, Default)]
struct Model {
    waiting: BTreeMap<Ticket, Command>,
    held: BTreeSet<u32>,
}

impl Model {
    /// What a batch of so many would be: walk through all in order, and take who stands behind nobody.
    fn take(&self, max: usize) -> Vec<usize> {
        let is_free = |command: &Command, passed: &BTreeSet<u32>, run: Option<u32>| {
            let mut lines = command.place.lines().iter();
            command.place.run().copied() == run
                && lines.all(|line| !self.held.contains(line) && !passed.contains(line))
        };
        let mut run = None;
        let mut passed = BTreeSet::new();
        for command in self.waiting.values() {
            let own = command.place.run().copied();
            if is_free(command, &passed, own) {
                run = own;
                break;
            }
            passed.extend(command.place.lines());
        }
        let mut passed = BTreeSet::new();
        let mut taken = Vec::new();
        for command in self.waiting.values() {
            if taken.len() < max && is_free(command, &passed, run) {
                taken.push(command.name);
            } else {
                passed.extend(command.place.lines());
            }
        }
        taken
    }
}

/// Runs the scheduler beside the model and checks what both say.
#[derive(Debug, Default)]
struct Beside {
    all: Scheduler<u32, Command>,
    model: Model,
    open: Vec<Taken<u32, Command>>,
    pushed: usize,
}

impl Beside {
    fn push(&mut self, command: Command) {
        let before: BTreeSet<Ticket> = self.all.waiting.keys().copied().collect();
        self.all.push(command);
        let ticket = self.all.waiting.keys().find(|t| !before.contains(t));
        let ticket = *ticket.expect("a command waits");
        let command = self.all.waiting[&ticket].clone();
        self.model.waiting.insert(ticket, command);
    }

    fn take(&mut self, max: usize) -> bool {
        let want = self.model.take(max);
        assert_eq!(
            self.all.has_ready(),
            !want.is_empty(),
            "nobody waits who could run"
        );
        let taken = self.all.take(max);
        assert_eq!(names(&taken.commands), want);
        for command in &taken.commands {
            self.model
                .waiting
                .remove(&command.place.ticket.expect("a ticket"));
        }
        let lines: BTreeSet<u32> = taken
            .commands
            .iter()
            .flat_map(|command| command.place.lines().iter().copied())
            .collect();
        assert!(
            self.model.held.is_disjoint(&lines),
            "nobody else works on its lines"
        );
        assert_eq!(taken.lines.iter().copied().collect::<BTreeSet<_>>(), lines);
        self.model.held.extend(lines);
        let is_some = !taken.commands.is_empty();
        if is_some {
            self.open.push(taken);
        }
        is_some
    }

    fn release(&mut self, batch: usize, again: u8, join: Option<u32>) {
        if self.open.is_empty() {
            return;
        }
        let taken = self.open.remove(batch % self.open.len());
        taken.lines.iter().for_each(|line| {
            self.model.held.remove(line);
        });
        let back = taken
            .commands
            .into_iter()
            .enumerate()
            .filter_map(|(at, mut command)| {
                let comes_back = again & (1 << (at % 8)) != 0;
                if let Some(line) = join {
                    command.place.join_all([line]);
                }
                comes_back.then_some(command)
            });
        let back: Vec<Command> = back.collect();
        for command in &back {
            let ticket = command.place.ticket.expect("a ticket");
            self.model.waiting.insert(ticket, command.clone());
        }
        self.all.release(taken.lines, back);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_scheduler_does_what_the_model_does(steps in vec(step(), 1..60)) {
        let mut beside = Beside::default();
        for step in steps {
            match step {
                Step::Push { run, members } => {
                    let name = beside.pushed;
                    beside.pushed += 1;
                    beside.push(command(name, run, &members));
                }
                Step::Take { max } => {
                    beside.take(max);
                }
                Step::Release { batch, again, join } => beside.release(batch, again, join),
            }
            prop_assert_eq!(beside.all.len(), beside.model.waiting.len());
        }
        // Nobody starves: when all batches end and nobody comes back, everybody is served.
        while !beside.open.is_empty() || beside.all.has_ready() {
            beside.release(0, 0, None);
            beside.take(3);
        }
        prop_assert!(beside.all.is_empty());
        prop_assert!(beside.all.lines.is_empty(), "no line is left behind");
    }
}
