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
private let sharedCode =
    "RQ1:RRQCP9P60EO0-UENF6TF68CKJP9-70RPCZ$EQD02EC-BCBF3L-KU13BF3I-KJCO4I82A6100992XOCHZA/E7360IDEZR0/E7360C4FY/E $E+8D$JE100H92PPD"
    + ".6A1C9-:8K:6 L627BFRQCP4%-2.+E-G74$OI-ND59*C55QL*C4D6MU1V.24:0HMDJ*42QPN2ZOG*SU40A64$BPA/B$F4+6WS DULLB$1K629IQV13"
private let sharedKey = "27cb7662bd29143809ae0ba96900c7b2f89a2c9b05c379d8126ee3b2988c2a4d"

/// Who takes the token of the shared vectors, and what is shown.
func sharedTill() throws -> (TokenVerifier, ShownToken) {
    let now = Date(timeIntervalSince1970: 1_772_454_600)
    let key = TokenPublicKey(
        key: "t-2026",
        publicKey: sharedKey,
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

/// A signed code tells what it says, and is refused unless it is genuine and good.
func signedCodes() async throws {
    let issued = Date(timeIntervalSince1970: 1_772_452_800)
    let inTime = issued.addingTimeInterval(300)
    func reader(
        issuer: String = "club", key: String = "t-2026", publicKey: String = sharedKey,
        from: Date = Date(timeIntervalSince1970: 0)
    ) -> QrVerifier {
        QrVerifier(issuer: issuer, keys: [TokenPublicKey(key: key, publicKey: publicKey, validFrom: from)])
    }
    let claims = try checkQr(verifier: reader(), shown: ShownQr(text: sharedCode, now: inTime))
    try expect([claims.issuer, claims.qr, claims.kind], ["club", "v1", "voucher"])
    try expect([claims.member, claims.data], ["ada", "SPRING-7F3K"])
    try expect(claims.amount, money("12.50", "EUR"))
    try expect(claims.issuedAt, issued)
    try expect(claims.expiresAt, issued.addingTimeInterval(600))
    let otherKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    let readers = [
        ("token_signature_wrong", reader(publicKey: otherKey)),
        ("token_key_unknown", reader(key: "t-2027")),
        ("token_key_not_valid", reader(from: inTime)),
        ("token_issuer_wrong", reader(issuer: "bank")),
    ]
    for (refusal, other) in readers {
        try await refused("Rejected", refusal) {
            _ = try checkQr(verifier: other, shown: ShownQr(text: sharedCode, now: inTime))
        }
    }
    let shown = [
        ("token_malformed", String(sharedCode.dropLast()), inTime),
        ("token_malformed", sharedToken, inTime),
        ("token_signature_wrong", String(sharedCode.dropLast(3)) + "000", inTime),
        ("token_not_yet_valid", sharedCode, issued.addingTimeInterval(-121)),
        ("token_expired", sharedCode, issued.addingTimeInterval(720)),
    ]
    for (refusal, text, now) in shown {
        try await refused("Rejected", refusal) {
            _ = try checkQr(verifier: reader(), shown: ShownQr(text: text, now: now))
        }
    }
}
