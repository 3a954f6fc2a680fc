#![no_main]

use libfuzzer_sys::fuzz_target;
use rewards_tests::fuzzing;

fuzz_target!(|bytes: &[u8]| fuzzing::signed_qr(bytes));
