//! Amends the sources that uniffi writes, where what it does with a host's values or with cancellation is not what this
//! library promises:
//!
//! ```sh
//! amend_sources kotlin|swift FOLDER
//! ```
//!
//! Each amendment names the text that it expects. With a version of uniffi that writes something else it fails, and somebody
//! looks whether the amendment is needed any more.
#![forbid(unsafe_code)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A text that uniffi writes, and what stands there instead.
struct Amendment {
    /// Why.
    reason: &'static str,
    /// The end of the name of the files it is for; each of them has the text.
    file: &'static str,
    found: &'static str,
    instead: &'static str,
}

/// Half of a surrogate pair, a clock that throws an `Error`, an object that was closed and a request of more than two gigabytes
/// end in the error of the library; they ended in `MalformedInputException`, in a clock that stands at 1970, in
/// `IllegalStateException` and in whatever a buffer of a negative size ends in.
const KOTLIN: &[Amendment] = &[
    Amendment {
        reason: "half of a surrogate pair is no text",
        file: ".kt",
        found: r"        return Charsets.UTF_8.newEncoder().run {
            onMalformedInput(CodingErrorAction.REPORT)
            encode(CharBuffer.wrap(value))
        }
",
        instead: r#"        return try {
            Charsets.UTF_8.newEncoder().run {
                onMalformedInput(CodingErrorAction.REPORT)
                encode(CharBuffer.wrap(value))
            }
        } catch (half: java.nio.charset.CharacterCodingException) {
            throw rewards.unlowered("value_invalid", "expected text, got half of a surrogate pair", half)
        }
"#,
    },
    Amendment {
        reason: "a buffer holds what an `Int` counts",
        file: ".kt",
        found: "        internal fun alloc(size: ULong = 0UL) = uniffiRustCall() { status ->\n",
        instead: r#"        internal fun alloc(size: ULong = 0UL) = uniffiRustCall() { status ->
            if (size > Int.MAX_VALUE.toULong()) {
                throw rewards.unlowered("too_large", "expected at most ${Int.MAX_VALUE} bytes, got up to $size")
            }
"#,
    },
    Amendment {
        reason: "what a host throws may be an `Error`, which JNA swallows: the clock would stand at 1970",
        file: ".kt",
        found: "    } catch(e: kotlin.Exception) {\n",
        instead: "    } catch(e: Throwable) {\n",
    },
    Amendment {
        reason: "the words of an exception may be no text, and its stack is of no use to the caller",
        file: ".kt",
        found: "val err = try { e.stackTraceToString() } catch(_: Throwable) { \"\" }",
        instead: "val err = try { e.toString().encodeToByteArray().decodeToString() } catch(_: Throwable) { \"\" }",
    },
    Amendment {
        reason: "nor may be those of an error of the library that a host throws",
        file: ".kt",
        found: r"        if (e is E) {
            callStatus.code = UNIFFI_CALL_ERROR
            callStatus.error_buf = lowerError(e)
        } else {
",
        instead: r"        val lowered = if (e is E) runCatching { lowerError(e) }.getOrNull() else null
        if (lowered != null) {
            callStatus.code = UNIFFI_CALL_ERROR
            callStatus.error_buf = lowered
        } else {
",
    },
    Amendment {
        reason: "an error of another crate comes in that crate's kind of buffer",
        file: "rewards_mobile.kt",
        found: "{ e: RewardsException -> FfiConverterTypeRewardsError.lower(e) }",
        instead: r"{ e: RewardsException ->
                    val lowered = FfiConverterTypeRewardsError.lower(e)
                    RustBuffer.create(lowered.capacity.toULong(), lowered.len.toULong(), lowered.data)
                }",
    },
    Amendment {
        reason: "an object that was closed is no defect of the caller's machine",
        file: "rewards_mobile.kt",
        found: "throw IllegalStateException(\"${this.javaClass.simpleName} object has already been destroyed\")",
        instead: "throw rewards.closed(this)",
    },
    Amendment {
        reason: "the handle of a call that was not made is kept for ever otherwise",
        file: "rewards_mobile.kt",
        found: "            return block(this.uniffiCloneHandle())\n",
        instead: r"            val cloned = this.uniffiCloneHandle()
            try {
                return block(cloned)
            } catch (e: RewardsException) {
                if (rewards.isUnlowered(e)) uniffiForget(cloned)
                throw e
            }
",
    },
    Amendment {
        reason: "it is given back as that of the object itself is",
        file: "rewards_mobile.kt",
        found: "    internal inline fun <R> callWithHandle(block: (handle: Long) -> R): R {\n",
        instead: r"    internal fun uniffiForget(handle: Long): Unit = UniffiCleanAction(handle).run()

    internal inline fun <R> callWithHandle(block: (handle: Long) -> R): R {
",
    },
    Amendment {
        reason: "a call in a cancelled coroutine does nothing",
        file: "rewards_mobile.kt",
        found: r"    try {
        do {
            val pollResult = suspendCancellableCoroutine<Byte> { continuation ->
",
        instead: r"    try {
        currentCoroutineContext().ensureActive()
        do {
            val pollResult = suspendCancellableCoroutine<Byte> { continuation ->
",
    },
    Amendment {
        reason: "the names that this takes",
        file: "rewards_mobile.kt",
        found: "import kotlinx.coroutines.suspendCancellableCoroutine\n",
        instead: r"import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.suspendCancellableCoroutine
",
    },
];

/// A call in a cancelled task does nothing; it was made as any other. What has begun runs to its end, as it did.
const SWIFT: &[Amendment] = &[
    Amendment {
        reason: "some calls are made in a cancelled task",
        file: "Rewards.swift",
        found: r"fileprivate func uniffiRustCallAsync<F, T>(
    rustFutureFunc: () -> UInt64,
",
        instead: r"fileprivate func uniffiRustCallAsync<F, T>(
    evenWhenCancelled: Bool = false,
    rustFutureFunc: () -> UInt64,
",
    },
    Amendment {
        reason: "the others are not",
        file: "Rewards.swift",
        found: "    let rustFuture = rustFutureFunc()\n",
        instead: r"    if !evenWhenCancelled {
        try Task.checkCancellation()
    }
    let rustFuture = rustFutureFunc()
",
    },
    Amendment {
        reason: "a cancelled task tidies up, and Swift has no way to have it done otherwise",
        file: "Rewards.swift",
        found: r"            rustFutureFunc: {
                uniffi_rewards_mobile_fn_method_rewardsengine_shut_down(
",
        instead: r"            evenWhenCancelled: true,
            rustFutureFunc: {
                uniffi_rewards_mobile_fn_method_rewardsengine_shut_down(
",
    },
];

/// The source of a file as amended.
fn amend(name: &str, source: &str, amendments: &[Amendment]) -> Result<String, String> {
    let mut source = source.to_owned();
    for amendment in amendments.iter().filter(|one| name.ends_with(one.file)) {
        if !source.contains(amendment.found) {
            return Err(format!(
                "{name}: expected a text to amend because {}, found none:\n{}",
                amendment.reason, amendment.found
            ));
        }
        source = source.replace(amendment.found, amendment.instead);
    }
    Ok(source)
}

/// The sources in a folder and below.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|end| end == "kt" || end == "swift")
        {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (amendments, folder) = match arguments.as_slice() {
        [language, folder] if language == "kotlin" => (KOTLIN, folder),
        [language, folder] if language == "swift" => (SWIFT, folder),
        other => return Err(format!("expected `kotlin|swift FOLDER`, got {other:?}").into()),
    };
    let mut found = Vec::new();
    sources(Path::new(folder), &mut found)?;
    for amendment in amendments {
        if !found
            .iter()
            .any(|path| path.to_string_lossy().ends_with(amendment.file))
        {
            return Err(format!("{folder}: expected a file `{}`", amendment.file).into());
        }
    }
    for path in found {
        let source = fs::read_to_string(&path)?;
        fs::write(&path, amend(&path.to_string_lossy(), &source, amendments)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[Amendment] = &[Amendment {
        reason: "of a test",
        file: "a.kt",
        found: "this",
        instead: "that",
    }];

    #[test]
    fn every_place_is_amended() {
        assert_eq!(
            amend("a.kt", "this, this", ONE).as_deref(),
            Ok("that, that")
        );
        assert_eq!(amend("b.kt", "this", ONE).as_deref(), Ok("this"));
    }

    #[test]
    fn a_text_that_is_not_there_is_told() {
        let error = amend("a.kt", "", ONE).unwrap_err();
        assert!(
            error.starts_with("a.kt: expected a text to amend because of a test"),
            "{error}"
        );
    }
}
