import Foundation
import Rewards

/// The reply as canonical JSON, and whether it was replayed.
typealias Answer = (json: String, replayed: Bool)
typealias Operation = (RewardsEngine, String, String?, Date) async throws -> Answer

let operations: [String: Operation] = [
    "publish_program": { engine, json, key, now in
        let request = try publishProgramFromJson(json: json)
        let receipt = try await engine.publishProgramReceipt(request: request, key: key, now: now)
        return (try publishedProgramToJson(reply: receipt.reply), receipt.replayed)
    },
    "register_member": { engine, json, key, now in
        let request = try registerMemberFromJson(json: json)
        let receipt = try await engine.registerMemberReceipt(request: request, key: key, now: now)
        return (try registeredMemberToJson(reply: receipt.reply), receipt.replayed)
    },
    "record_purchase": { engine, json, key, now in
        let request = try recordPurchaseFromJson(json: json)
        let receipt = try await engine.recordPurchaseReceipt(request: request, key: key, now: now)
        return (try recordedPurchaseToJson(reply: receipt.reply), receipt.replayed)
    },
    "confirm_purchase": { engine, json, key, now in
        let request = try confirmPurchaseFromJson(json: json)
        let receipt = try await engine.confirmPurchaseReceipt(request: request, key: key, now: now)
        return (try confirmedPurchaseToJson(reply: receipt.reply), receipt.replayed)
    },
    "cancel_purchase": { engine, json, key, now in
        let request = try cancelPurchaseFromJson(json: json)
        let receipt = try await engine.cancelPurchaseReceipt(request: request, key: key, now: now)
        return (try cancelledPurchaseToJson(reply: receipt.reply), receipt.replayed)
    },
    "grant_reward": { engine, json, key, now in
        let request = try grantRewardFromJson(json: json)
        let receipt = try await engine.grantRewardReceipt(request: request, key: key, now: now)
        return (try grantedByHandToJson(reply: receipt.reply), receipt.replayed)
    },
    "deduct_balance": { engine, json, key, now in
        let request = try adjustBalanceFromJson(json: json)
        let receipt = try await engine.adjustBalanceReceipt(request: request, key: key, now: now)
        return (try adjustedBalanceToJson(reply: receipt.reply), receipt.replayed)
    },
    "settle_member": { engine, json, key, now in
        let request = try settleMemberFromJson(json: json)
        let receipt = try await engine.settleMemberReceipt(request: request, key: key, now: now)
        return (try settledMemberToJson(reply: receipt.reply), receipt.replayed)
    },
    "quote_purchase": { engine, json, _, now in
        let request = try quotePurchaseFromJson(json: json)
        return (try quotedPurchaseToJson(reply: await engine.quotePurchase(request: request, now: now)), false)
    },
    "get_balance": { engine, json, _, now in
        let request = try getBalanceFromJson(json: json)
        return (try balanceToJson(reply: await engine.getBalance(request: request, now: now)), false)
    },
    "get_statement": { engine, json, _, now in
        let request = try getStatementFromJson(json: json)
        return (try statementToJson(reply: await engine.getStatement(request: request, now: now)), false)
    },
    "get_tiers": { engine, json, _, now in
        let request = try getTiersFromJson(json: json)
        return (try memberTiersToJson(reply: await engine.getTiers(request: request, now: now)), false)
    },
]

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
            for url in ["memory:", "sqlite://\(temporary)/\(vectorCases).db"] {
                let engine = try await RewardsEngine.open(url: url, tenant: "vectors", seed: 7)
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

/// The instant that a text names, read by the engine's own rules.
func instant(_ text: String) throws -> Date {
    try registerMemberFromJson(json: #"{"member": "x", "registered_at": "\#(text)"}"#).registeredAt!
}
