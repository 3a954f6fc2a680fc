package rewards.engine

import java.io.File
import java.nio.file.Path
import java.time.Instant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** The purchase that the README shows. */
class SixLinesTest {
    private val document = File(System.getProperty("rewards.example"), "wallet.toml").readText()

    @Test
    fun `six lines`(@TempDir folder: Path) = runBlocking {
        val file = folder.resolve("six-lines.db").toString()
        // README
        val engine = RewardsEngine.openFile(file)
        engine.publishProgram(PublishProgram(document), key = "first edition")
        engine.registerMember(RegisterMember("alice"))
        val order = Purchase("order-1", "alice", "wallet", Instant.now(), money("80.00", "EUR"))
        engine.recordPurchase(RecordPurchase(order))
        println(engine.getBalance(GetBalance("alice")).assets)
        // README
        engine.shutDown()
    }
}
