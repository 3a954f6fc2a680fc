//! Runnable programs that show the rewards engine at work; see the files beside this crate manifest.
