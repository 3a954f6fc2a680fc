import Foundation
import Rewards

private let now = Date(timeIntervalSince1970: 1_777_636_800)

/// A case of `cases/host_values.json`: where a value is handed in, and what must become of it.
private struct Case: Decodable {
    let into: String
    let value: String
    let times: Int?
    let kind: String?
    let code: String?
    let problems: [[String]]?

    var told: Told { Told(kind: kind ?? "Invalid", code: code ?? "invalid", problems: problems ?? []) }
}

/// The kind and code of an error, and code and path of each problem.
private struct Told: Equatable {
    let kind: String
    let code: String
    let problems: [[String]]

    init(kind: String, code: String, problems: [[String]] = []) {
        (self.kind, self.code, self.problems) = (kind, code, problems)
    }

    init(_ error: RewardsError) {
        let kind = "\(error)".prefix { $0 != "(" }.split(separator: ".").last.map(String.init) ?? ""
        self.init(kind: kind, code: error.code, problems: error.problems.map { [$0.code, $0.path] })
    }

    static func invalid(_ code: String, _ path: String) -> Told {
        Told(kind: "Invalid", code: "invalid", problems: [[code, path]])
    }
}

/// A host's clock that does something else than tell the time.
private final class Clock: HostClock {
    private let told: @Sendable () throws -> Date
    init(_ told: @escaping @Sendable () throws -> Date) { self.told = told }
    func now() throws -> Date { try told() }
}

private struct NotSynchronised: Error {}

/// What a call ends in when it is not what it must be.
private func wrong(_ what: String, _ wanted: Told, _ call: () async throws -> Any) async -> String? {
    do {
        return "\(what): expected \(wanted), got an answer: \(String(describing: try await call()).prefix(200))"
    } catch let error as RewardsError {
        let isGood = Told(error) == wanted && !error.detail.contains("defect") && !error.detail.isEmpty
        return isGood ? nil : "\(what): expected \(wanted), got \(Told(error)): \(error.detail.prefix(200))"
    } catch {
        return "\(what): expected \(wanted), got \(error)"
    }
}

private func expectNone(_ wrong: [String?]) throws {
    let wrong = wrong.compactMap { $0 }
    if !wrong.isEmpty { throw Unexpected(description: wrong.joined(separator: "\n")) }
}

private func key(_ id: String, _ bytes: Int) -> RingKey {
    RingKey(purpose: .alias, id: id, key: Data(count: bytes), validFrom: Date(timeIntervalSince1970: 0))
}

private func record(merchant: String? = nil, total: Money? = nil) throws -> RecordPurchase {
    RecordPurchase(
        purchase: Purchase(
            id: "order-1", member: "alice", program: "club", occurredAt: now,
            total: try total ?? money("80.00", "EUR"), merchant: merchant))
}

private func withClock(_ told: @escaping @Sendable () throws -> Date) async throws -> Any {
    let engine = try await RewardsEngine.open(url: "memory:", clock: Clock(told))
    return try await engine.registerMember(request: RegisterMember(member: "alice"))
}

/// Hands a value in where a case says.
private func handIn(_ value: String, into place: String, of engine: RewardsEngine) async throws -> Any {
    let alice = RegisterMember(member: "alice")
    switch place {
    case "member": return try await engine.registerMember(request: RegisterMember(member: value), now: now)
    case "key": return try await engine.registerMember(request: alice, key: value, now: now)
    case "tenant": return try await RewardsEngine.open(url: "memory:", tenant: value)
    case "slug": return try await engine.resolveAlias(request: ResolveAlias(kind: value, name: "+49"), now: now)
    case "secret": return try await engine.resolveAlias(request: ResolveAlias(kind: "phone", name: value), now: now)
    case "merchant": return try await engine.recordPurchase(request: record(merchant: value), now: now)
    case "attribute":
        return try await engine.registerMember(
            request: RegisterMember(member: "alice", attributes: [value: "1"]), now: now)
    case "reason":
        return try await engine.grantReward(
            request: GrantReward(member: "alice", amount: money("1", "EUR"), reason: value), key: "grant", now: now)
    case "page": return try await engine.listMembers(request: ListMembers(after: value), now: now)
    case "amount": return try money(value, "EUR")
    case "asset": return try money("1", value)
    case "json": return try registerMemberFromJson(json: value)
    case "canonical_json": return try canonicalJson(json: value)
    case "program": return try OfflineProgram(program: value)
    case "url": return try await RewardsEngine.open(url: value)
    case "path": return try await RewardsEngine.openFile(path: value)
    case "backup": return try await engine.backup(path: value)
    case "ring_id": return try await RewardsEngine.open(url: "memory:", keyRing: [key(value, 32)])
    case "limit": return try await engine.listMembers(request: ListMembers(limit: UInt32(value)!), now: now)
    case "revision":
        return try await engine.getProgram(request: GetProgram(program: "club", revision: UInt32(value)!), now: now)
    case "decimals":
        return try await engine.recordPurchase(
            request: record(total: Money(amount: Decimal(string: value)!, asset: "EUR")), now: now)
    case "timeout": return try await RewardsEngine.open(url: "memory:", timeoutMilliseconds: UInt64(value)!)
    case "ring_bytes": return try await RewardsEngine.open(url: "memory:", keyRing: [key("a", Int(value)!)])
    case "time":
        return try await engine.registerMember(request: alice, now: Date(timeIntervalSince1970: Double(value)!))
    case "clock": return try await withClock { Date(timeIntervalSince1970: Double(value)!) }
    case let other: throw Unexpected(description: "a place that nobody knows: \(other)")
    }
}

private func withEngine(_ work: (String, RewardsEngine) async throws -> Void) async throws {
    try await inFolder { folder in
        let engine = try await RewardsEngine.openFile(path: "\(folder)/books.db", keyRing: [key("a", 32)])
        _ = try await engine.publishProgram(request: PublishProgram(program: club), key: "club", now: now)
        try await work(folder, engine)
        try expect(try await engine.verify().members, 0, "something was written")
        try await engine.shutDown()
    }
}

/// Whatever a host hands in ends in the typed error, never beside it and never as a defect of the library.
func hostValues() async throws {
    let file = URL(fileURLWithPath: "\(folder("REWARDS_CASES"))/host_values.json")
    let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
    try expect(cases.count > 50, true)
    try await withEngine { folder, engine in
        var found: [String?] = []
        for one in cases {
            let filled = one.value.replacingOccurrences(of: "FOLDER", with: folder)
            let value = String(repeating: filled, count: one.times ?? 1)
            found.append(
                await wrong("\(one.into) \(value.prefix(40))", one.told) {
                    try await handIn(value, into: one.into, of: engine)
                })
        }
        try expectNone(found)
    }
}

/// Half of a surrogate pair cannot be in a `String`: Swift puts U+FFFD there, and so would make one id of two.
func halfPairs() async throws {
    let halves = [[0xD800], [0xDC00], [0x61, 0xD801, 0x62], [0xDC00, 0xD800]] as [[UInt16]]
    try await withEngine { _, engine in
        var found: [String?] = []
        for half in halves {
            let texts = [String(decoding: half, as: UTF16.self), NSString(characters: half, length: half.count) as String]
            for text in texts {
                for (place, told) in [
                    ("member", Told.invalid("id_invalid", "")), ("key", .invalid("id_invalid", "")),
                    ("tenant", .invalid("id_invalid", "")), ("secret", .invalid("secret_invalid", "name")),
                    ("asset", .invalid("asset_invalid", "")), ("amount", .invalid("amount_invalid", "amount")),
                    ("ring_id", .invalid("id_invalid", "key_ring[0].id")),
                ] {
                    found.append(await wrong("\(place) \(half)", told) { try await handIn(text, into: place, of: engine) })
                }
            }
        }
        try expectNone(found)
    }
}

/// Numbers and times that only Swift has.
func hostNumbers() async throws {
    let amounts: [(Decimal, String)] = [
        (.nan, "amount_invalid"), (.greatestFiniteMagnitude, "amount_invalid"), (.leastNonzeroMagnitude, "amount_invalid"),
        (Decimal(sign: .plus, exponent: 30, significand: 1), "amount_overflow"),
        (Decimal(sign: .minus, exponent: 30, significand: 1), "amount_overflow"),
        (Decimal(sign: .plus, exponent: -30, significand: 1), "amount_scale"),
    ]
    let times: [Date] = [
        .distantPast, Date(timeIntervalSince1970: .nan), Date(timeIntervalSince1970: .infinity),
        Date(timeIntervalSince1970: -.infinity), Date(timeIntervalSinceReferenceDate: 9.3e12),
        Date(timeIntervalSinceReferenceDate: -9.3e12), Date(timeIntervalSinceReferenceDate: .greatestFiniteMagnitude),
    ]
    try await withEngine { _, engine in
        var found: [String?] = []
        for (amount, code) in amounts {
            found.append(
                await wrong("\(amount)", .invalid(code, "amount")) {
                    try await engine.recordPurchase(request: record(total: Money(amount: amount, asset: "EUR")), now: now)
                })
        }
        for time in times {
            found.append(
                await wrong("time \(time.timeIntervalSince1970)", .invalid("time_out_of_range", "")) {
                    try await engine.settleMember(request: SettleMember(member: "alice"), now: time)
                })
            found.append(
                await wrong("clock at \(time.timeIntervalSince1970)", .invalid("time_out_of_range", "clock")) {
                    try await withClock { time }
                })
        }
        try expectNone(found)
    }
}

/// A clock that throws is told as that.
func throwingClocks() async throws {
    let unknown = RewardsError.Rejected(code: "member_unknown", detail: "no", context: [:], problems: [])
    for error in [NotSynchronised(), CancellationError(), unknown] as [any Error & Sendable] {
        try expectNone([
            await wrong("\(error)", Told(kind: "Unavailable", code: "clock_failed")) { try await withClock { throw error } }
        ])
    }
}
