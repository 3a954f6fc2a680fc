import Foundation
import Rewards

private func key(_ id: String, from years: Int = 0, bytes: Int = 32, until: Date? = nil) -> RingKey {
    RingKey(
        purpose: .alias, id: id, key: Data(repeating: UInt8(id.utf8.first ?? 0), count: bytes),
        validFrom: Date(timeIntervalSince1970: Double(years) * 31_557_600), validUntil: until)
}

/// Bad rings are refused with paths.
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
    try expect("\(key("a"))", "key `a` for alias")
}
