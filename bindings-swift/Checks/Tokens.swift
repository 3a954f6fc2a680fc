import Foundation
import Rewards

private let sharedToken =
    "RT1:RRQCP9P60EO0-UENF6TF68CKW2K-70RPCZ$EQD02EC-BCBF3-3L948BF3I-KICOBF3I-KJCO2I8.86.FKERKI60*Y0F6"
    + "B%RTRVD7TSWGAF6O%7A5J2B1PA*I70F55O:RF6G8OSTFP2TPQ/E7360G9EJY8ZHA100A92T73:9H100B92J73E O100C92XT"
    + "0100D92%LGM3DU3E5$CVFFKWECECWQE04E9VE100E928GG53DC$DXVD3/D/E7360O/EL9E-3EO CP48S606NRK4B3GSF-3+M"
    + "6*6OJLS%I8Z*TDIPK+JVX2G2ILLFO6672EIC1ZGP39UN8H TSF4F4N3Q61AQ86YTX:UN$M9-8$NV70"
private let sharedProof =
    "RP1:RRQXO8P608CKT3BFJ0UJC/PDALEWY00GD0OGD-00VE/E7360IDEZR0/E73603JF/E7360VQF:34389BPO3KVJCSMI767"
    + "E 4LL4UPIQXAKULUMS5L/F0R9M77PA7100L92-EDXEDIUD./6U4727BY9TOKP7V4UT88:0T HCW5TEMVDLKTPAYTEKDX8OLN"
    + "LBT14EJFXI8UOQTIOE6TWP30T66H7ZM*61M6S4BTXJFZEF1MU319 U4"

/// Who takes the token of the shared vectors, and what is shown.
func sharedTill() throws -> (TokenVerifier, ShownToken) {
    let now = Date(timeIntervalSince1970: 1_772_454_600)
    let key = TokenPublicKey(
        key: "t-2026",
        publicKey: "27cb7662bd29143809ae0ba96900c7b2f89a2c9b05c379d8126ee3b2988c2a4d",
        validFrom: Date(timeIntervalSince1970: 0))
    let verifier = TokenVerifier(
        issuer: "club", keys: [key], merchant: "bakery", category: "grocery", limits: OfflineLimits())
    let shown = ShownToken(
        token: sharedToken, proof: sharedProof, amount: try money("12.50", "EUR"), reference: "till-7/81", now: now)
    return (verifier, shown)
}

/// A till takes the token of the shared vectors without an engine, and a wallet makes the message that it signs.
func offlineTokens() async throws {
    let (verifier, shown) = try sharedTill()
    let accepted = try checkToken(verifier: verifier, shown: shown, memory: TokenMemory())
    try expect(accepted.token, "t1")
    try expect(accepted.counter, 1)
    try await refused("Rejected", "token_seen") {
        _ = try checkToken(verifier: verifier, shown: shown, memory: accepted.memory)
    }
    let tooLate = ShownToken(
        token: sharedToken, proof: sharedProof, amount: try money("12.50", "EUR"), reference: "till-7/81",
        now: Date(timeIntervalSince1970: 1_772_625_600))
    try await refused("Rejected", "token_expired") {
        _ = try checkToken(verifier: verifier, shown: tooLate, memory: TokenMemory())
    }
    try expect(try readToken(text: sharedToken).amount, money("50.00", "EUR"))
    let spend = TokenSpend(
        token: sharedToken, merchant: "bakery", amount: try money("12.50", "EUR"), reference: "till-7/81", now: shown.now)
    try expect(try spendMessage(spend: spend).count > 64, true)
    try await refused("Rejected", "token_proof_wrong") {
        _ = try spendProof(spend: spend, signature: Data(count: 64))
    }
}
