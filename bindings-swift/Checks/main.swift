import Foundation
import Rewards

/// A check that did not find what it expects.
struct Unexpected: Error, CustomStringConvertible {
    let description: String
}

func expect<T: Equatable>(_ found: T, _ wanted: T, _ place: String = "", line: Int = #line) throws {
    if found != wanted {
        throw Unexpected(description: "line \(line) \(place): expected \(wanted), got \(found)")
    }
}

func folder(_ variable: String) -> String {
    ProcessInfo.processInfo.environment[variable] ?? "."
}

let checks: [(String, () async throws -> Void)] = [
    ("six lines", sixLines),
    ("wallet example", walletExample),
    ("host clock", hostClock),
    ("many at once", manyAtOnce),
    ("bad values", badValues),
    ("bad document", badDocument),
    ("bad engines", badEngines),
    ("panics", panics),
    ("speed", speed),
    ("vectors", vectors),
]

var failed = 0
for (name, check) in checks {
    do {
        try await check()
        print("ok      \(name)")
    } catch {
        failed += 1
        print("FAILED  \(name): \(error)")
    }
}
print("\(checks.count - failed) passed, \(failed) failed")
if failed == 0 { print("vectors: \(vectorCases) cases") }
exit(failed == 0 ? 0 : 1)
