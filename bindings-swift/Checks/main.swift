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
    ("wallet example", walletExample),
    ("host clock", hostClock),
    ("many at once", manyAtOnce),
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
exit(failed == 0 ? 0 : 1)
