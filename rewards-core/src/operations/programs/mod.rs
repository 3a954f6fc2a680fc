//! Programs: publish and read revisions.

mod get_program;
mod list_programs;
mod publish_program;

pub use get_program::{GetProgram, ProgramRevision};
pub use list_programs::{ListPrograms, ListedProgram, ProgramList};
pub use publish_program::{PublishProgram, PublishedProgram, ValidProgram};
