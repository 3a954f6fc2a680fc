package rewards.engine

import java.time.Instant
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import rewards.*

/** The token of the shared vectors, and who takes it. */
internal object OfflineTokens {
    val token =
        "RT1:RRQCP9P60EO0-UENF6TF68CKW2K-70RPCZ\$EQD02EC-BCBF3-3L948BF3I-KICOBF3I-KJCO2I8.86.FKERKI60*Y0F6" +
            "B%RTRVD7TSWGAF6O%7A5J2B1PA*I70F55O:RF6G8OSTFP2TPQ/E7360G9EJY8ZHA100A92T73:9H100B92J73E O100C92XT" +
            "0100D92%LGM3DU3E5\$CVFFKWECECWQE04E9VE100E928GG53DC\$DXVD3/D/E7360O/EL9E-3EO CP48S606NRK4B3GSF-3+M" +
            "6*6OJLS%I8Z*TDIPK+JVX2G2ILLFO6672EIC1ZGP39UN8H TSF4F4N3Q61AQ86YTX:UN\$M9-8\$NV70"
    val proof =
        "RP1:RRQXO8P608CKT3BFJ0UJC/PDALEWY00GD0OGD-00VE/E7360IDEZR0/E73603JF/E7360VQF:34389BPO3KVJCSMI767" +
            "E 4LL4UPIQXAKULUMS5L/F0R9M77PA7100L92-EDXEDIUD./6U4727BY9TOKP7V4UT88:0T HCW5TEMVDLKTPAYTEKDX8OLN" +
            "LBT14EJFXI8UOQTIOE6TWP30T66H7ZM*61M6S4BTXJFZEF1MU319 U4"
    val code =
        "RQ1:RRQCP9P60EO0-UENF6TF68CKJP9-70RPCZ\$EQD02EC-BCBF3L-KU13BF3I-KJCO4I82A6100992XOCHZA/E7360IDEZR0/E7360C4FY/E \$E+8D\$JE100H92PPD" +
            ".6A1C9-:8K:6 L627BFRQCP4%-2.+E-G74\$OI-ND59*C55QL*C4D6MU1V.24:0HMDJ*42QPN2ZOG*SU40A64\$BPA/B\$F4+6WS DULLB\$1K629IQV13"
    val now: Instant = Instant.parse("2026-03-02T12:30:00Z")
    val shown = ShownToken(token, proof, money("12.50", "EUR"), "till-7/81", null, now)
    val key =
        TokenPublicKey("t-2026", "27cb7662bd29143809ae0ba96900c7b2f89a2c9b05c379d8126ee3b2988c2a4d", Instant.EPOCH)
    val verifier = TokenVerifier(
        issuer = "club",
        keys = listOf(key),
        merchant = "bakery",
        category = "grocery",
        limits = OfflineLimits(),
    )
}

/**
 * Offline tokens and signed codes without an engine: a till takes those of the shared vectors, and a wallet makes the message that it
 * signs.
 */
class TokensTest {
    private val token = OfflineTokens.token
    private val code = OfflineTokens.code
    private val key = OfflineTokens.key
    private val now = OfflineTokens.now
    private val shown = OfflineTokens.shown
    private val verifier = OfflineTokens.verifier

    @Test
    fun `a till takes a token once, and tells why it does not take others`() {
        val accepted = checkToken(verifier, shown, TokenMemory())
        assertEquals("t1" to "ada", accepted.token to accepted.member)
        assertEquals(1u, accepted.counter)
        refused<RewardsException.Rejected>("token_seen") { checkToken(verifier, shown, accepted.memory) }
        val late = shown.copy(now = Instant.parse("2026-03-04T12:00:00Z"))
        refused<RewardsException.Rejected>("token_expired") { checkToken(verifier, late, TokenMemory()) }
        val elsewhere = verifier.copy(merchant = "kiosk")
        refused<RewardsException.Rejected>("token_proof_mismatch") { checkToken(elsewhere, shown, TokenMemory()) }
        refused<RewardsException.Rejected>("token_malformed") { readToken("RT1:") }
        assertEquals(money("50.00", "EUR"), readToken(token).amount)
    }

    @Test
    fun `a wallet signs what the till asks for, and nobody else can`() {
        val spend = TokenSpend(token, null, "bakery", money("12.50", "EUR"), "till-7/81", now)
        assertArrayEquals(spendMessage(spend), spendMessage(spend.copy()))
        refused<RewardsException.Rejected>("token_proof_wrong") { spendProof(spend, ByteArray(64)) }
        refused<RewardsException.Rejected>("token_over_limit") { spendMessage(spend.copy(amount = money("25.01", "EUR"))) }
    }

    @Test
    fun `a signed code tells what it says, and is refused unless it is genuine and good`() {
        val reader = QrVerifier("club", listOf(key))
        val inTime = ShownQr(code, Instant.parse("2026-03-02T12:05:00Z"))
        val claims = checkQr(reader, inTime)
        assertEquals(listOf("club", "v1", "voucher", "ada"), listOf(claims.issuer, claims.qr, claims.kind, claims.member))
        assertEquals("SPRING-7F3K" to money("12.50", "EUR"), claims.data to claims.amount)
        assertEquals(Instant.parse("2026-03-02T12:00:00Z"), claims.issuedAt)
        assertEquals(Instant.parse("2026-03-02T12:10:00Z"), claims.expiresAt)
        val otherKey = TokenPublicKey("t-2026", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", Instant.EPOCH)
        for ((refusal, other) in listOf(
            "token_signature_wrong" to reader.copy(keys = listOf(otherKey)),
            "token_key_unknown" to reader.copy(keys = listOf(key.copy(key = "t-2027"))),
            "token_key_not_valid" to reader.copy(keys = listOf(key.copy(validFrom = now))),
            "token_issuer_wrong" to reader.copy(issuer = "bank"),
        )) {
            refused<RewardsException.Rejected>(refusal) { checkQr(other, inTime) }
        }
        for ((refusal, other) in listOf(
            "token_malformed" to inTime.copy(text = code.dropLast(1)),
            "token_malformed" to inTime.copy(text = token),
            "token_signature_wrong" to inTime.copy(text = code.dropLast(3) + "000"),
            "token_not_yet_valid" to inTime.copy(now = Instant.parse("2026-03-02T11:57:59Z")),
            "token_expired" to inTime.copy(now = Instant.parse("2026-03-02T12:12:00Z")),
        )) {
            refused<RewardsException.Rejected>(refusal) { checkQr(reader, other) }
        }
    }
}
