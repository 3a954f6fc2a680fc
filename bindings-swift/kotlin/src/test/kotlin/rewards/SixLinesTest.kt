package rewards.engine

import java.io.File
import java.nio.file.Path
import java.time.Instant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** The purchase that the README shows. */
class SixLinesTest {
    private val document = File(System.getProperty("rewards.example"), "wallet.toml").readText()

    @Test
    fun `six lines`(@TempDir folder: Path) = runBlocking {
        val file = folder.resolve("six-lines.db").toString()
        val (openedAt, paidAt) = Instant.parse("2026-01-01T00:00:00Z") to Instant.parse("2026-03-01T12:00:00Z")
        // Run twice, they count once.
        repeat(2) { sixLines(file, openedAt, paidAt) }
    }

    private suspend fun sixLines(file: String, openedAt: Instant, paidAt: Instant) {
        // README
        val engine = RewardsEngine.openFile(file)
        engine.publishProgram(PublishProgram(document, openedAt), key = "first edition")
        engine.registerMember(RegisterMember("alice"))
        val order = Purchase("order-1", "alice", "wallet", paidAt, money("80.00", "EUR"))
        engine.recordPurchase(RecordPurchase(order))
        println(engine.getBalance(GetBalance("alice")).assets)
        // README
        val available = engine.getBalance(GetBalance("alice")).assets.map { it.available }
        assertTrue(money("4.00", "EUR") in available, "$available")
        engine.shutDown()
    }
}
