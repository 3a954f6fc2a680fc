import Foundation
import Rewards

/// The purchase that the README shows.
func sixLines() async throws {
    let document = try String(contentsOfFile: "\(folder("REWARDS_EXAMPLE"))/wallet.toml", encoding: .utf8)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("six-lines-\(UUID()).db").path
    // README
    let engine = try await RewardsEngine.openFile(path: file)
    _ = try await engine.publishProgram(request: PublishProgram(program: document), key: "first edition")
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"))
    let order = Purchase(id: "order-1", member: "alice", program: "wallet", occurredAt: Date(), total: try money("80.00", "EUR"))
    _ = try await engine.recordPurchase(request: RecordPurchase(purchase: order))
    print(try await engine.getBalance(request: GetBalance(member: "alice")).assets)
    // README
    try await engine.shutDown()
}
