package rewards.engine

import java.io.File
import rewards.*

/*
 * What is measured and printed, not judged, because machines differ: `bindings-swift/bench` runs it beside Rust and Swift.
 */

private val document = File(System.getProperty("rewards.example"), "wallet.toml").readText()
private val order = Purchase("order-1", "alice", "wallet", NOW, money("80.00", "EUR"))

private inline fun measure(name: String, calls: Int, call: () -> Unit) {
    repeat(calls / 4) { call() }
    val started = System.nanoTime()
    repeat(calls) { call() }
    println("kotlin $name: ${calls * 1_000_000_000L / (System.nanoTime() - started)} calls/s")
}

/** How many quotes a second. */
internal suspend fun speed() {
    val offline = OfflineProgram(document)
    measure("quote offline", 20_000) { offline.quote(order, now = NOW) }
    val engine = RewardsEngine.open("memory:")
    prepare(engine)
    measure("quote_purchase", 5_000) { engine.quotePurchase(QuotePurchase(order), now = NOW) }
}

private suspend fun prepare(engine: RewardsEngine) {
    engine.publishProgram(PublishProgram(document), key = "1", now = NOW)
    engine.registerMember(RegisterMember("alice"), now = NOW)
}

/**
 * How many milliseconds an app waits for its first quote: the first time in this process, and the median of all other
 * times. `fresh` makes a file, publishes the program, registers the member and quotes with the engine; `offline` makes a
 * file and quotes with the program alone; `again` opens the files that `fresh` left, quotes with the engine, and removes the
 * folder.
 */
internal suspend fun start(what: String, folder: String, times: Int) {
    File(folder).mkdirs()
    val took = List(times) { round ->
        val file = "$folder/${if (what == "offline") "offline" else "books"}-$round.db"
        val started = System.nanoTime()
        val engine = RewardsEngine.openFile(file)
        when (what) {
            "fresh" -> { prepare(engine); engine.quotePurchase(QuotePurchase(order), now = NOW) }
            "offline" -> OfflineProgram(document).quote(order, now = NOW)
            "again" -> engine.quotePurchase(QuotePurchase(order), now = NOW)
            else -> error("expected `fresh`, `offline` or `again`, got `$what`")
        }
        val milliseconds = (System.nanoTime() - started) / 1e6
        engine.shutDown()
        milliseconds
    }
    if (what == "again") File(folder).deleteRecursively()
    val others = took.drop(1).sorted()
    println("kotlin start $what: first ${"%.1f".format(took[0])} ms, then ${"%.1f".format(others[others.size / 2])} ms")
}
