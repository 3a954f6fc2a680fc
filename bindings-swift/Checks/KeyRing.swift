import Foundation
import Rewards

private let now = Date(timeIntervalSince1970: 1_777_636_800)
private let phone = "+4930901820"
private let link = LinkAlias(member: "alice", kind: "phone", name: phone)
private let whose = ResolveAlias(kind: "phone", name: phone)

private func key(_ id: String, from years: Int = 0, bytes: Int = 32, until: Date? = nil) -> RingKey {
    RingKey(
        purpose: .alias, id: id, key: Data(repeating: UInt8(id.utf8.first ?? 0), count: bytes),
        validFrom: Date(timeIntervalSince1970: Double(years) * 31_557_600), validUntil: until)
}

/// Keys rotate: what is kept under an old key is found as long as the key is in the ring.
func keysRotate() async throws {
    try await inFolder { folder in
        let (old, new) = (key("old"), key("new", from: 40))
        @discardableResult
        func with<T>(_ ring: [RingKey], _ use: (RewardsEngine) async throws -> T) async throws -> T {
            let engine = try await RewardsEngine.openFile(path: "\(folder)/books.db", keyRing: ring)
            let outcome = try await use(engine)
            try await engine.shutDown()
            return outcome
        }
        let linked = try await with([old]) { engine in
            _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: now)
            return try await engine.linkAlias(request: link, key: "link-1", now: now)
        }
        try await with([new, old]) { engine in
            try expect(try await engine.resolveAlias(request: whose, now: now).member, "alice")
            let again = try await engine.linkAliasReceipt(request: link, key: "link-1", now: now)
            try expect(again, LinkAliasReceipt(reply: linked, replayed: true))
        }
        try await with([new]) { engine in
            try await refused("Internal", "key_missing") { _ = try await engine.resolveAlias(request: whose, now: now) }
        }
        // Linked again it is kept under the new key, and the old one may go.
        try await with([old, new]) { engine in
            try expect(try await engine.linkAlias(request: link, key: "link-2", now: now), linked)
        }
        try await with([new]) { engine in
            try expect(try await engine.resolveAlias(request: whose, now: now).member, "alice")
        }
    }
}

/// Without a ring nothing is taken in confidence.
func noKeyRing() async throws {
    let engine = try await RewardsEngine.open(url: "memory:")
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: now)
    let error = try await refused("Internal", "key_ring_missing") {
        _ = try await engine.linkAlias(request: link, key: "link-1", now: now)
    }
    try expect("\(error)".contains(phone), false)
    let plain = LinkAlias(member: "alice", kind: "phone", name: phone, plain: true)
    try expect(try await engine.linkAlias(request: plain, key: "link-1", now: now).member, "alice")
}

/// Bad rings are refused with paths, and names that are none, too.
func badKeyRings() async throws {
    let rings: [([RingKey], String, String)] = [
        ([], "key_ring_empty", "key_ring"),
        ([key("a"), key("b", bytes: 31)], "key_invalid", "key_ring[1].key"),
        ([key("")], "id_invalid", "key_ring[0].id"),
        ([key("a"), key("b"), key("a")], "id_duplicate", "key_ring[2].id"),
        ([key("a", from: 40, until: Date(timeIntervalSince1970: 0))], "range_empty", "key_ring[0].valid_until"),
    ]
    for (ring, code, path) in rings {
        let error = try await refused("Invalid", "invalid", code) {
            _ = try await RewardsEngine.open(url: "memory:", keyRing: ring)
        }
        try expect(error.problems.map(\.path), [path])
    }
    let engine = try await RewardsEngine.open(url: "memory:", keyRing: [key("a")])
    for name in ["", String(repeating: "x", count: 256), "a\u{0}b"] {
        let error = try await refused("Invalid", "invalid", "secret_invalid") {
            _ = try await engine.resolveAlias(request: ResolveAlias(kind: "phone", name: name), now: now)
        }
        try expect(error.problems.map(\.path), ["name"])
    }
    try expect("\(key("a"))", "key `a` for alias")
}
