import Foundation
import Rewards

/// The reply as canonical JSON, and whether it was replayed.
typealias Answer = (json: String, replayed: Bool)
typealias Operation = (RewardsEngine, String, String?, Date) async throws -> Answer

/// How many cases the vectors have; set by running them.
var vectorCases = 0

/// The conformance vectors through the typed API, on the memory store and on a file.
func vectors() async throws {
    let path = folder("REWARDS_VECTORS")
    let temporary = FileManager.default.temporaryDirectory.appendingPathComponent("vectors-\(UUID())").path
    try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: temporary) }
    var differences: [String] = []
    for file in try FileManager.default.contentsOfDirectory(atPath: path).sorted() where file.hasSuffix(".json") {
        let text = try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
        let whole = text.trimmingCharacters(in: .whitespacesAndNewlines)
        for testCase in RawJSON(whole).members["cases"]!.items.map(\.members) {
            vectorCases += 1
            for url in ["memory:", "sqlite:///\(temporary)/\(vectorCases).db"] {
                let ring = try testCase["key_ring"].map { try $0.items.map { try ringKey($0.members) } }
                let engine = try await RewardsEngine.open(
                    url: url, tenant: "vectors", seed: 7, keyRing: ring, nowAheadSecondsMax: .max)
                for (number, step) in testCase["steps"]!.items.map(\.members).enumerated() {
                    let (wanted, found) = (try expected(step), try await outcome(engine, step))
                    if wanted != found {
                        let place = "\(file) \(testCase["name"]!.string) step \(number) on \(url)"
                        differences.append("\(place)\n  expected \(wanted)\n  found    \(found)")
                    }
                }
                try await engine.shutDown()
            }
        }
    }
    if !differences.isEmpty { throw Unexpected(description: differences.joined(separator: "\n")) }
}

private func expected(_ step: [String: RawJSON]) throws -> String {
    if let fault = step["fault"] { return try canonicalJson(json: String(fault.text)) }
    let reply = try canonicalJson(json: String(step["reply"]!.text))
    return step["replayed"]?.text == "true" ? reply + " replayed" : reply
}

private func outcome(_ engine: RewardsEngine, _ step: [String: RawJSON]) async throws -> String {
    do {
        let operation = operations[step["operation"]!.string]!
        let now = try instant(step["now"]!.string)
        let answer = try await operation(engine, String(step["request"]!.text), step["key"]?.string, now)
        return answer.replayed ? answer.json + " replayed" : answer.json
    } catch let error as RewardsError {
        return try errorToJson(error: error)
    }
}

private func ringKey(_ key: [String: RawJSON]) throws -> RingKey {
    let purposes: [String: KeyPurpose] = [
        "alias": .alias, "deposits": .deposits, "coupons": .coupons, "tokens": .tokens,
    ]
    guard let purpose = purposes[key["purpose"]!.string] else {
        throw Unexpected(description: "a key for a purpose that is not known")
    }
    let digits = Array(key["key"]!.string)
    let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }
    return RingKey(
        purpose: purpose, id: key["id"]!.string, key: Data(bytes), validFrom: try instant(key["valid_from"]!.string),
        validUntil: try key["valid_until"].map { try instant($0.string) })
}

/// The instant that a text names, read by the engine's own rules.
func instant(_ text: String) throws -> Date {
    try registerMemberFromJson(json: #"{"member": "x", "registered_at": "\#(text)"}"#).registeredAt!
}
