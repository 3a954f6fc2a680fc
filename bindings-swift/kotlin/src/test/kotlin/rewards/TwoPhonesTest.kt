package rewards.engine

import java.nio.file.Path
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*
import rewards.example.marketDay

/** The example of two phones and a till, to the cent. */
class TwoPhonesTest {
    @Test
    fun `two phones pay at a till without a network, and everybody is paid in the evening`(@TempDir folder: Path) = runBlocking {
        val day = marketDay(folder, NOW)
        assertEquals(listOf("ada", "bob", "ada"), day.taken)
        assertEquals(listOf("token_seen", "token_proof_mismatch", "token_over_limit", "token_seen"), day.refused)
        assertEquals(List(3) { ReceiptOutcome.SETTLED }, day.settled)
        assertEquals(listOf("12.50", "20.00", "7.50").map { money(it, "EUR") }, day.paid)
        assertEquals(mapOf("ada" to money("40.00", "EUR"), "bob" to money("40.00", "EUR")), day.left)
        assertEquals(emptyList<String>(), day.problems)
    }
}
