//! Writes the Swift and Kotlin sources of the library that it is given; see the scripts beside `bindings-swift`.
#![forbid(unsafe_code)]

fn main() {
    uniffi::uniffi_bindgen_main();
}
