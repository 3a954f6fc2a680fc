//! Programs: publish revisions.

mod publish_program;

pub use publish_program::{PublishProgram, PublishedProgram};
