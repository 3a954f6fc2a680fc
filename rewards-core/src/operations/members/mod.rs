//! Members: register them.

mod register_member;

pub use register_member::{RegisterMember, RegisteredMember};
