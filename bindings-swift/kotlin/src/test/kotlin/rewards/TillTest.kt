package rewards.engine

import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.time.Instant
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** A till remembers what it took: through a restart, among many at once, and against an earlier file. */
class TillTest {
    private val verifier = OfflineTokens.verifier

    @Test
    fun `what was taken survives a restart and waits to be told`(@TempDir folder: Path) = runBlocking {
        val file = folder.resolve("till.db").toString()
        val till = Till.open(file, verifier)
        assertEquals(0uL, till.mark().number)
        val accepted = till.take(OfflineTokens.shown)
        refused<RewardsException.Unavailable>("store_unavailable") { Till.open(file, verifier) }
        till.shutDown()
        refused<RewardsException.Internal>("store_refused") { till.take(OfflineTokens.shown) }

        val reopened = Till.open(file, verifier)
        refused<RewardsException.Rejected>("token_seen") { reopened.take(OfflineTokens.shown) }
        val waiting = reopened.waiting().single()
        assertEquals(accepted.digest to OfflineTokens.shown.proof, waiting.digest to waiting.proof)
        reopened.know(verifier.copy(revoked = listOf("t1")))
        refused<RewardsException.Rejected>("token_revoked") { reopened.take(OfflineTokens.shown) }
        reopened.synced(listOf(waiting.digest), OfflineTokens.shown.now)
        assertEquals(emptyList<WaitingPayment>(), reopened.waiting(most = 1u))
        reopened.shutDown()
    }

    @Test
    fun `an earlier file is found by the mark`(@TempDir folder: Path) = runBlocking {
        val (file, copy) = folder.resolve("till.db") to folder.resolve("copy.db")
        Till.open("$file", verifier).shutDown()
        Files.copy(file, copy)
        val till = Till.open("$file", verifier)
        till.take(OfflineTokens.shown)
        val mark = till.mark()
        till.shutDown()
        Till.open("$file", verifier, mark).shutDown()
        Files.copy(copy, file, StandardCopyOption.REPLACE_EXISTING)
        val error = refused<RewardsException.Rejected>("token_log_rolled_back") { Till.open("$file", verifier, mark) }
        assertEquals(mapOf("expected" to "1"), error.context)
    }

    @Test
    fun `many at once take a payment once`(@TempDir folder: Path) = runBlocking {
        val till = Till.open(folder.resolve("till.db").toString(), verifier)
        val codes = (1..20).map {
            async {
                try {
                    "${till.take(OfflineTokens.shown).counter}"
                } catch (error: RewardsException) {
                    error.code
                }
            }
        }.awaitAll()
        assertEquals(listOf("1") + List(19) { "token_seen" }, codes.sorted())
        till.shutDown()
    }
}
