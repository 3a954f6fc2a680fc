import Foundation
import Rewards

private let now = Date(timeIntervalSince1970: 1_777_636_800)

/// What a call ends in that is made in a task which is cancelled already.
private func inCancelled(_ call: @escaping @Sendable () async throws -> Void) async -> (any Error)? {
    let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        try await call()
    }
    if case let .failure(error) = await task.result { return error }
    return nil
}

/// A call in a cancelled task does nothing.
func cancelledBefore() async throws {
    try await inFolder { folder in
        let engine = try await RewardsEngine.open(url: "memory:")
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: now) },
            { _ = try await engine.listMembers(request: ListMembers()) },
            { _ = try await engine.verify() },
            { _ = try await RewardsEngine.openFile(path: "\(folder)/books.db") },
        ]
        for (number, call) in calls.enumerated() {
            let error = await inCancelled(call)
            try expect(error is CancellationError, true, "call \(number) ended in \(String(describing: error))")
        }
        try expect(try await engine.verify().members, 0)
        try expect(try FileManager.default.contentsOfDirectory(atPath: folder), [])
        // A cancelled task tidies up.
        let ended = await inCancelled { try await engine.shutDown() }
        try expect(ended == nil, true, "\(String(describing: ended))")
        try await refused("Unavailable", "engine_closed") { _ = try await engine.verify() }
    }
}

/// A call that has begun runs to its end, and its outcome is told.
func cancelledMeanwhile() async throws {
    try await inFolder { folder in
        let file = "\(folder)/books.db"
        let engine = try await RewardsEngine.openFile(path: file)
        _ = try await engine.publishProgram(request: PublishProgram(program: club), key: "club", now: now)
        _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: now)
        let purchase = Purchase(
            id: "order-1", member: "alice", program: "club", occurredAt: now, total: try money("80.00", "EUR"))
        let request = RecordPurchase(purchase: purchase)
        let other = try Running("sqlite3", file)
        other.write("begin immediate;")
        other.write(".system echo held")
        try expect(other.read(), "held\n")
        let task = Task { try await engine.recordPurchaseReceipt(request: request, now: now) }
        try await Task.sleep(nanoseconds: 300_000_000)
        task.cancel()
        _ = try other.text()
        let receipt = try await task.value
        try expect(receipt.replayed, false)
        let again = try await engine.recordPurchaseReceipt(request: request, now: now)
        try expect(again, RecordPurchaseReceipt(reply: receipt.reply, replayed: true))
        try await engine.shutDown()
    }
}
