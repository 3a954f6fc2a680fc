import Foundation
import Rewards

/// A till remembers what it took through a restart, and finds an earlier file by its mark.
func tills() async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("till.db")
    let copy = folder.appendingPathComponent("copy.db")
    let (verifier, shown) = try sharedTill()

    let empty = try await Till.open(path: file.path, verifier: verifier)
    try await empty.shutDown()
    try FileManager.default.copyItem(at: file, to: copy)

    let till = try await Till.open(path: file.path, verifier: verifier)
    let accepted = try await till.take(shown: shown)
    let mark = try await till.mark()
    try expect(mark.number, 1)
    try await refused("Unavailable", "store_unavailable") {
        _ = try await Till.open(path: file.path, verifier: verifier)
    }
    try await till.shutDown()
    try await refused("Internal", "store_refused") { _ = try await till.take(shown: shown) }

    let reopened = try await Till.open(path: file.path, verifier: verifier, mark: mark)
    try await refused("Rejected", "token_seen") { _ = try await reopened.take(shown: shown) }
    let waiting = try await reopened.waiting()
    try expect(waiting.map(\.digest), [accepted.digest])
    try expect(waiting.first?.proof, shown.proof)
    try await reopened.synced(told: waiting.map(\.digest), at: shown.now)
    try expect(try await reopened.waiting(most: 1).count, 0)
    try await reopened.shutDown()

    try FileManager.default.removeItem(at: file)
    try FileManager.default.copyItem(at: copy, to: file)
    try await refused("Rejected", "token_log_rolled_back") {
        _ = try await Till.open(path: file.path, verifier: verifier, mark: mark)
    }
}
