package rewards.engine

import java.time.Instant
import kotlinx.coroutines.runBlocking
import rewards.*

internal val NOW: Instant = Instant.parse("2026-05-01T12:00:00Z")

internal val CLUB = """
    id = "club"
    currency = "EUR"
    zone = "UTC"
    rules = [{ id = "everything", effect = { percent = { rate = "5%" } } }]
""".trimIndent()

internal fun record(number: Int) = RecordPurchase(
    Purchase("order-$number", "alice", "club", NOW, money("80.00", "EUR")),
)

/** Publishes the program and registers `alice`. */
internal suspend fun setUp(engine: RewardsEngine) {
    engine.publishProgram(PublishProgram(CLUB), key = "club, first edition", now = NOW)
    engine.registerMember(RegisterMember("alice"), now = NOW)
}

/** What a process of its own does: for the test with two of them, and for the benchmark. */
internal fun main(arguments: Array<String>): Unit = runBlocking {
    when (arguments[0]) {
        // Records 60 purchases, and prints how many were done before by somebody else.
        "record" -> {
            val engine = RewardsEngine.openFile(arguments[1])
            println((1..60).count { engine.recordPurchaseReceipt(record(it), now = NOW).replayed })
            engine.shutDown()
        }
        "speed" -> speed()
        "start" -> start(arguments[1], arguments[2], arguments[3].toInt())
        else -> error("expected `record`, `speed` or `start`, got `${arguments[0]}`")
    }
}
