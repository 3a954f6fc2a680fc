//! The engine's promises, on a backend in memory that can be stopped, broken and lied to.

#[cfg(test)]
pub mod operations;
#[cfg(test)]
pub mod support;
#[cfg(test)]
mod things;

#[cfg(test)]
mod clocks;
#[cfg(test)]
mod coupons;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod group;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod members;
#[cfg(test)]
mod ordered;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod races;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod services;
#[cfg(test)]
mod sweeps;
#[cfg(test)]
mod telemetry;
#[cfg(test)]
mod workers;
