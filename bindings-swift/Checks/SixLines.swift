import Foundation
import Rewards

/// The purchase that the README shows.
func sixLines() async throws {
    let document = try String(contentsOfFile: "\(folder("REWARDS_EXAMPLE"))/wallet.toml", encoding: .utf8)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("six-lines-\(UUID()).db").path
    let dates = ISO8601DateFormatter()
    for _ in 1...2 {
        try await sixLines(document, file, openedAt: dates.date(from: "2026-01-01T00:00:00Z")!,
                           paidAt: dates.date(from: "2026-03-01T12:00:00Z")!)
    }
}

/// The very lines: run twice, they count once.
private func sixLines(_ document: String, _ file: String, openedAt: Date, paidAt: Date) async throws {
    // README
    let engine = try await RewardsEngine.openFile(path: file)
    _ = try await engine.publishProgram(request: PublishProgram(program: document, activeFrom: openedAt), key: "first edition")
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"))
    let order = Purchase(id: "order-1", member: "alice", program: "wallet", occurredAt: paidAt, total: try money("80.00", "EUR"))
    _ = try await engine.recordPurchase(request: RecordPurchase(purchase: order))
    print(try await engine.getBalance(request: GetBalance(member: "alice")).assets)
    // README
    let assets = try await engine.getBalance(request: GetBalance(member: "alice")).assets
    let wanted = try money("4.00", "EUR")
    try expect(assets.contains { $0.available == wanted }, true)
    try await engine.shutDown()
}
