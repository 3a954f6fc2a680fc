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
    val now: Instant = Instant.parse("2026-03-02T12:30:00Z")
    val shown = ShownToken(token, proof, money("12.50", "EUR"), "till-7/81", null, now)
    val verifier = TokenVerifier(
        issuer = "club",
        keys = listOf(
            TokenPublicKey(
                "t-2026",
                "27cb7662bd29143809ae0ba96900c7b2f89a2c9b05c379d8126ee3b2988c2a4d",
                Instant.EPOCH,
            ),
        ),
        merchant = "bakery",
        category = "grocery",
        limits = OfflineLimits(),
    )
}

/** Offline tokens without an engine: a till takes the token of the shared vectors, and a wallet makes the message that it signs. */
class TokensTest {
    private val token = OfflineTokens.token
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
}
