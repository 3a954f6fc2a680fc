import Foundation
import Rewards

// What is measured and printed, not judged, because machines differ: `bindings-swift/bench` runs it beside Rust and Kotlin.

private let at = Date(timeIntervalSince1970: 1_777_636_800)

private func document() throws -> String {
    try String(contentsOfFile: "\(folder("REWARDS_EXAMPLE"))/wallet.toml", encoding: .utf8)
}

private func order() throws -> Purchase {
    Purchase(id: "order-1", member: "alice", program: "wallet", occurredAt: at, total: try money("80.00", "EUR"))
}

private func prepare(_ engine: RewardsEngine, _ document: String) async throws {
    _ = try await engine.publishProgram(request: PublishProgram(program: document), key: "1", now: at)
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: at)
}

/// How many quotes a second.
func speed() async throws {
    let purchase = try order()
    let offline = try OfflineProgram(program: document())
    try await measure("quote offline", 20_000) { _ = try offline.quote(purchase: purchase, now: at) }
    let engine = try await RewardsEngine.open(url: "memory:")
    try await prepare(engine, document())
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

/// How many milliseconds an app waits for its first quote: the first time in this process, and the median of all other
/// times. `fresh` makes a file, publishes the program, registers the member and quotes with the engine; `offline` makes a
/// file and quotes with the program alone; `again` opens the files that `fresh` left, quotes with the engine, and removes
/// the folder.
func start(_ what: String, in folder: String, times: Int) async throws {
    let (purchase, document) = (try order(), try document())
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var took: [Double] = []
    for round in 0..<times {
        let file = "\(folder)/\(what == "offline" ? "offline" : "books")-\(round).db"
        let started = Date()
        let engine = try await RewardsEngine.openFile(path: file)
        switch what {
        case "fresh":
            try await prepare(engine, document)
            _ = try await engine.quotePurchase(request: QuotePurchase(purchase: purchase), now: at)
        case "offline":
            _ = try OfflineProgram(program: document).quote(purchase: purchase, now: at)
        case "again":
            _ = try await engine.quotePurchase(request: QuotePurchase(purchase: purchase), now: at)
        default:
            throw Unexpected(description: "expected `fresh`, `offline` or `again`, got `\(what)`")
        }
        took.append(Date().timeIntervalSince(started) * 1000)
        try await engine.shutDown()
    }
    if what == "again" { try FileManager.default.removeItem(atPath: folder) }
    let others = took.dropFirst().sorted()
    let numbers = [took[0], others[others.count / 2]].map { String(format: "%.1f", $0) }
    print("swift start \(what): first \(numbers[0]) ms, then \(numbers[1]) ms")
}
