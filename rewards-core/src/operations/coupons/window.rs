//! The window of a book as a request says it: by instants, or on the clock of a program.

use crate::context::Context;
use crate::coupons::LocalWindow;
use crate::rejection::{Problem, Rejection};
use crate::time::Timestamp;

/// What a request says of a window.
pub(super) struct Said<'a> {
    pub local: Option<&'a LocalWindow>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

impl Said<'_> {
    /// Checks that it is said in one way.
    pub fn check(&self, problems: &mut Vec<Problem>) {
        if self.local.is_some() && (self.from.is_some() || self.until.is_some()) {
            let detail = "expected either `local`, or `active_from` and `active_until`";
            problems.push(Problem::new("window_ambiguous", "local", detail));
        }
    }

    /// The instants that it means: on a clock by the zone of the program as it is now.
    ///
    /// # Errors
    /// [`Rejection::ProgramUnknown`], [`Rejection::ProgramNotActive`].
    pub fn instants(
        &self,
        context: &Context,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), Rejection> {
        let Some(local) = self.local else {
            return Ok((self.from, self.until));
        };
        let program = context.program_at(&local.program, context.now)?;
        Ok(local.ends(program.calendar().zone))
    }
}
