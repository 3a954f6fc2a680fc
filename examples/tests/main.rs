//! All tests of the examples in one program, which links once.

mod quickstart;
mod readme;
