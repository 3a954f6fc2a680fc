import Foundation
import Rewards

/// A wallet app from its first start to its second one.
func walletExample() async throws {
    let document = try String(contentsOfFile: "\(folder("REWARDS_EXAMPLE"))/wallet.toml", encoding: .utf8)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("wallet 50% \(UUID()).db").path
    let purchase = Purchase(
        id: "order-1",
        member: "alice",
        program: "wallet",
        occurredAt: Date(),
        total: try money("80.00", "EUR"))

    try expect(validateProgram(text: document), [])
    let offline = try OfflineProgram(program: document)
    let quoted = try offline.quote(purchase: purchase, explain: true)
    try expect(quoted.decision.totals, [money("4.00", "EUR"), money("80", "points")])
    try expect(quoted.explanation?.map(\.rule), ["cashback", "points"])

    let engine = try await RewardsEngine.openFile(path: file)
    _ = try await engine.publishProgram(
        request: PublishProgram(program: document), key: "wallet, first edition", now: purchase.occurredAt)
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: purchase.occurredAt)
    let request = RecordPurchase(purchase: purchase, pinned: quoted.decision.digest)
    let recorded = try await engine.recordPurchase(request: request)
    try expect(recorded.decision, quoted.decision)

    let again = try await engine.recordPurchaseReceipt(request: request)
    try expect(again.replayed, true)
    try expect(again.reply, recorded)

    let balance = try await engine.getBalance(request: GetBalance(member: "alice"))
    try expect(balance.assets.map(\.available), [money("4.00", "EUR"), money("80", "points")])
    let statement = try await engine.getStatement(request: GetStatement(member: "alice"))
    try expect(statement.lines.map(\.kind), [.grant, .grant])
    try expect(statement.lines[0].recordedAt, recorded.recordedAt)
    let club = try await engine.getTiers(request: GetTiers(member: "alice", program: "wallet")).ladders[0]
    try expect(club.tier, "basic")
    try expect(club.missing, .amount(money("20.00", "EUR")))
    try await engine.shutDown()

    let reopened = try await RewardsEngine.openFile(path: file)
    try expect(try await reopened.getBalance(request: GetBalance(member: "alice")).assets, balance.assets)
    try expect(try await reopened.verify().problems, [])
    let liability = try await reopened.liability()
    try expect(liability.members, 1)
    try expect(liability.assets.map(\.available), balance.assets.map(\.available))
    try expect(try await reopened.liability(at: Date(timeIntervalSince1970: 0)).assets, [])
    try expect(try await reopened.health().backend, "sqlite")
    try await reopened.shutDown()
}

final class Noon: HostClock {
    static let at = Date(timeIntervalSince1970: 1_777_636_800.000001)
    func now() -> Timestamp { Noon.at }
}

func hostClock() async throws {
    let engine = try await RewardsEngine.open(url: "memory:", seed: 7, clock: Noon())
    let registered = try await engine.registerMember(request: RegisterMember(member: "alice"))
    try expect(try registeredMemberToJson(reply: registered),
        #"{"member":"alice","registered_at":"2026-05-01T12:00:00.000001Z"}"#)
}

func manyAtOnce() async throws {
    let engine = try await RewardsEngine.open(url: "memory:")
    let members = try await withThrowingTaskGroup(of: String.self) { group in
        for number in 1...100 {
            group.addTask {
                try await engine.registerMember(request: RegisterMember(member: "member-\(number)")).member
            }
        }
        var members: Set<String> = []
        for try await member in group { members.insert(member) }
        return members
    }
    try expect(members.count, 100)
    try expect(try await engine.verify().members, 100)
}
