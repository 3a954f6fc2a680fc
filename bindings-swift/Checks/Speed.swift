import Foundation
import Rewards

/// How many quotes a second: measured and printed, not judged, because machines differ.
func speed() async throws {
    let at = Date(timeIntervalSince1970: 1_777_636_800)
    let document = try String(contentsOfFile: "\(folder("REWARDS_EXAMPLE"))/wallet.toml", encoding: .utf8)
    let purchase = Purchase(
        id: "order-1", member: "alice", program: "wallet", occurredAt: at, total: try money("80.00", "EUR"))
    let offline = try OfflineProgram(program: document)
    try await measure("quote offline", 20_000) { _ = try offline.quote(purchase: purchase, now: at) }
    let engine = try await RewardsEngine.open(url: "memory:")
    _ = try await engine.publishProgram(request: PublishProgram(program: document), key: "1", now: at)
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: at)
    try await measure("quote_purchase", 5_000) {
        _ = try await engine.quotePurchase(request: QuotePurchase(purchase: purchase), now: at)
    }
}

private func measure(_ name: String, _ calls: Int, call: () async throws -> Void) async throws {
    for _ in 0..<calls / 4 { try await call() }
    let started = Date()
    for _ in 0..<calls { try await call() }
    print("swift \(name): \(Int(Double(calls) / Date().timeIntervalSince(started))) calls/s")
}
