package rewards.engine

import java.io.File
import java.time.Instant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Test
import rewards.*

/** How many quotes a second: measured and printed, not judged, because machines differ. */
class SpeedTest {
    private val at = Instant.parse("2026-05-01T12:00:00Z")
    private val document = File(System.getProperty("rewards.example"), "wallet.toml").readText()
    private val purchase = Purchase("order-1", "alice", "wallet", at, money("80.00", "EUR"))

    private inline fun measure(name: String, calls: Int, call: () -> Unit) {
        repeat(calls / 4) { call() }
        val started = System.nanoTime()
        repeat(calls) { call() }
        println("kotlin $name: ${calls * 1_000_000_000L / (System.nanoTime() - started)} calls/s")
    }

    @Test
    fun `quotes a second`() = runBlocking {
        val offline = OfflineProgram(document)
        measure("quote offline", 20_000) { offline.quote(purchase, now = at) }
        val engine = RewardsEngine.open("memory:")
        engine.publishProgram(PublishProgram(document), key = "1", now = at)
        engine.registerMember(RegisterMember("alice"), now = at)
        measure("quote_purchase", 5_000) { engine.quotePurchase(QuotePurchase(purchase), now = at) }
    }
}
