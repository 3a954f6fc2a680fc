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
    ("offline tokens", offlineTokens),
    ("tills", tills),
    ("signed codes", signedCodes),
    ("host clock", hostClock),
    ("many at once", manyAtOnce),
    ("bad values", badValues),
    ("whole amounts", wholeAmounts),
    ("paths", paths),
    ("bad document", badDocument),
    ("bad engines", badEngines),
    ("times ahead", timesAhead),
    ("clocks ahead", clocksAhead),
    ("clocks behind", clocksBehind),
    ("host values", hostValues),
    ("halves of pairs", halfPairs),
    ("host numbers", hostNumbers),
    ("throwing clocks", throwingClocks),
    ("cancelled before", cancelledBefore),
    ("cancelled meanwhile", cancelledMeanwhile),
    ("keys rotate", keysRotate),
    ("no key ring", noKeyRing),
    ("bad key rings", badKeyRings),
    ("wrong addresses", wrongAddresses),
    ("wrong files", wrongFiles),
    ("file that may only be read", readOnlyFile),
    ("full disk", fullDisk),
    ("newer schema", newerSchema),
    ("backups", backups),
    ("events of a phone", eventsOfAPhone),
    ("two processes", twoProcesses),
    ("file held by another process", heldFile),
    ("timeouts", timeouts),
    ("panics", panics),
    ("speed", speed),
    ("vectors", vectors),
]

// What a process of its own does: for the check with two of them, and for the benchmark.
let arguments = CommandLine.arguments.dropFirst()
switch arguments.first {
case nil: break
case "record": try await recordAll(arguments[2])
case "speed": try await speed()
case "start": try await start(arguments[2], in: arguments[3], times: Int(arguments[4]) ?? 0)
case let other?: throw Unexpected(description: "expected `record`, `speed` or `start`, got `\(other)`")
}
if !arguments.isEmpty { exit(0) }

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
