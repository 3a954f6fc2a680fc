import Foundation
import Rewards

let club = """
    id = "club"
    currency = "EUR"
    zone = "UTC"
    rules = [{ id = "everything", effect = { percent = { rate = "5%" } } }]
    """

private func purchase(
    id: String = "order-1", total: Money? = nil, occurredAt: Date = Date(timeIntervalSince1970: 1_777_636_800)
) throws -> Purchase {
    Purchase(
        id: id, member: "alice", program: "club", occurredAt: occurredAt,
        total: try total ?? money("80.00", "EUR"))
}

/// What must be refused, with its kind, its code and the codes of its problems.
@discardableResult
func refused(_ codes: String..., line: Int = #line, call: () async throws -> Void) async throws -> RewardsError {
    do {
        try await call()
    } catch let error as RewardsError {
        let kind = "\(error)".prefix { $0 != "(" }.split(separator: ".").last.map(String.init) ?? ""
        try expect([kind, error.code] + error.problems.map(\.code), codes, error.detail, line: line)
        return error
    }
    throw Unexpected(description: "line \(line): not refused, expected \(codes)")
}

/// Values that break their own rules are refused with the codes of JSON.
func badValues() async throws {
    let offline = try OfflineProgram(program: club)
    let amounts = [
        ("1.001", "EUR", "amount_scale"), ("100000000000000000000", "EUR", "amount_overflow"), ("1", "euro!", "asset_invalid"),
        ("1", "USD", "asset_mismatch"),
    ]
    for (amount, asset, code) in amounts {
        try await refused("Invalid", "invalid", code) {
            _ = try offline.quote(purchase: purchase(total: money(amount, asset)))
        }
    }
    try await refused("Invalid", "invalid", "amount_invalid") {
        _ = try offline.quote(purchase: purchase(total: Money(amount: .nan, asset: "EUR")))
    }
    try await refused("Invalid", "invalid", "id_invalid") { _ = try offline.quote(purchase: purchase(id: "")) }
    for seconds in [-1, 1e12, 1e300, .infinity, .nan] {
        try await refused("Invalid", "invalid", "time_out_of_range") {
            _ = try offline.quote(purchase: purchase(occurredAt: Date(timeIntervalSince1970: seconds)))
        }
    }
    try await refused("Invalid", "invalid", "field_unknown") {
        _ = try getBalanceFromJson(json: #"{"membre": "alice"}"#)
    }
}

/// An amount is read whole or refused, whatever stands behind what can be read.
func wholeAmounts() async throws {
    try expect(money("80.50", "EUR"), Money(amount: Decimal(8050) / 100, asset: "EUR"))
    for text in ["80,50", "1,000.00", "80.50abc", "80.50 ", "1e2", "", "٨٠"] {
        let error = try await refused("Invalid", "invalid", "amount_invalid") { _ = try money(text, "EUR") }
        try expect(error.problems.map(\.path), ["amount"])
    }
    let wanted = try money("1234.50", "EUR")
    for (text, locale) in [("1.234,50", "de_DE"), ("1 234,50", "fr_FR"), ("1,234.50", "en_US")] {
        try expect(money(text, "EUR", Locale(identifier: locale)), wanted)
    }
    for (text, locale) in [("80.50", "de_DE"), ("80,50", "en_US")] {
        try await refused("Invalid", "invalid", "amount_invalid") {
            _ = try money(text, "EUR", Locale(identifier: locale))
        }
    }
}

/// A typed value has a path of its own, and JSON the whole path.
func paths() async throws {
    let offline = try OfflineProgram(program: club)
    let amount = try await refused("Invalid", "invalid", "amount_scale") {
        _ = try offline.quote(purchase: purchase(total: money("1.001", "EUR")))
    }
    try expect(amount.problems.map(\.path), ["amount"])
    let id = try await refused("Invalid", "invalid", "id_invalid") { _ = try offline.quote(purchase: purchase(id: "")) }
    try expect(id.problems.map(\.path), [""])
    let json = """
        {"purchase": {"id": "", "member": "alice", "program": "club", "occurred_at": "2026-05-01T12:00:00Z",
        "total": {"amount": "1.001", "asset": "EUR"}}}
        """
    let error = try await refused("Invalid", "invalid", "id_invalid", "amount_scale") {
        _ = try recordPurchaseFromJson(json: json)
    }
    try expect(error.problems.map(\.path), ["purchase.id", "purchase.total"])
}

/// A document is refused with all its problems.
func badDocument() async throws {
    let document = club.replacingOccurrences(of: "zone", with: "zome").replacingOccurrences(of: "5%", with: "five")
    let problems = try validateProgram(text: document)
    try expect(problems.map(\.code), ["rate_invalid", "field_unknown"])
    try expect(problems.map(\.path), ["rules[0].effect.percent.rate", "zome"])
    try await refused("Invalid", "invalid", "rate_invalid", "field_unknown") {
        _ = try OfflineProgram(program: document)
    }
}

/// Commands without a key, reused keys, tenants that are none and closed engines.
func badEngines() async throws {
    try await refused("Invalid", "invalid", "id_invalid") { _ = try await RewardsEngine.open(url: "memory:", tenant: "") }
    let engine = try await RewardsEngine.open(url: "memory:")
    try await refused("Invalid", "invalid", "key_required") {
        _ = try await engine.publishProgram(request: PublishProgram(program: club))
    }
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"), key: "once")
    try await refused("Conflict", "key_reused") {
        _ = try await engine.registerMember(request: RegisterMember(member: "bob"), key: "once")
    }
    try await engine.shutDown()
    try await refused("Unavailable", "engine_closed") {
        _ = try await engine.getBalance(request: GetBalance(member: "alice"))
    }
}

/// A time that lies ahead of the clock is refused, unless the engine allows it.
func timesAhead() async throws {
    let (near, far) = (Noon.at.addingTimeInterval(300), Noon.at.addingTimeInterval(301))
    let request = RegisterMember(member: "alice")
    let engine = try await RewardsEngine.open(url: "memory:", clock: Noon())
    try await refused("Invalid", "invalid", "now_ahead") { _ = try await engine.registerMember(request: request, now: far) }
    try expect(try await engine.registerMember(request: request, now: near).registeredAt, near)
    try await refused("Invalid", "invalid", "now_ahead") {
        _ = try await engine.getBalance(request: GetBalance(member: "alice"), now: far)
    }
    let other = try await RewardsEngine.open(url: "memory:", clock: Noon(), nowAheadSecondsMax: 301)
    try expect(try await other.registerMember(request: request, now: far).registeredAt, far)
}

/// A panic is an internal error, and the engine goes on.
func panics() async throws {
    try await refused("Internal", "internal") { _ = try await RewardsEngine.open(url: "test-hook:panic") }
    try await refused("Internal", "internal") { _ = try validateProgram(text: "test-hook:panic") }
    let engine = try await RewardsEngine.open(url: "memory:")
    let request = RegisterMember(member: "alice")
    try await refused("Internal", "internal") {
        _ = try await engine.registerMember(request: request, key: "test-hook:panic")
    }
    try expect(try await engine.registerMember(request: request).member, "alice")
}
