package rewards.engine

import java.io.File
import java.nio.file.Path
import kotlin.random.Random
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.cancel
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** What becomes of calls whose coroutine is cancelled. */
class CancellationTest {
    /** What a call ends in that is made in a coroutine which is cancelled already. */
    private fun inCancelled(call: suspend () -> Any?): Throwable? {
        var ended: Throwable? = null
        runBlocking {
            launch {
                coroutineContext.cancel()
                ended = runCatching { call() }.exceptionOrNull()
            }
        }
        return ended
    }

    @Test
    fun `a call in a cancelled coroutine does nothing`(@TempDir folder: Path) = runBlocking<Unit> {
        val engine = RewardsEngine.open("memory:")
        for (number in 1..50) {
            val ended = inCancelled { engine.registerMember(RegisterMember("member-$number"), now = NOW) }
            assertInstanceOf(CancellationException::class.java, ended)
        }
        assertInstanceOf(CancellationException::class.java, inCancelled { engine.listMembers(ListMembers()) })
        assertInstanceOf(CancellationException::class.java, inCancelled { engine.shutDown() })
        assertEquals(0uL, engine.verify().members)
        assertInstanceOf(CancellationException::class.java, inCancelled { RewardsEngine.openFile("$folder/books.db") })
        assertEquals(listOf<File>(), folder.toFile().listFiles()?.toList())
        // What has to be done all the same is done as everywhere in Kotlin.
        assertEquals(null, inCancelled { withContext(NonCancellable) { engine.shutDown() } })
        refused<RewardsException.Unavailable>("engine_closed") { engine.verify() }
    }

    @Test
    fun `a command that is cancelled while it waits is done once or not at all`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        val engine = RewardsEngine.openFile(file).also { setUp(it) }
        Running("sqlite3", file).use { other ->
            other.write("begin immediate;")
            other.write(".system echo held")
            assertEquals("held", other.readLine())
            val call = launch(Dispatchers.Default) { engine.recordPurchase(record(1), now = NOW) }
            delay(300)
            val begun = System.nanoTime()
            call.cancelAndJoin()
            assertTrue(System.nanoTime() - begun < 1_000_000_000, "cancelling waits for the command")
        }
        // Accepted before it was cancelled, so it was done as soon as it could be, or this does it.
        engine.recordPurchase(record(1), now = NOW)
        assertTrue(engine.recordPurchaseReceipt(record(1), now = NOW).replayed)
        val available = engine.getBalance(GetBalance("alice"), now = NOW).assets.map { it.available }
        assertEquals(listOf(money("4.00", "EUR")), available)
        engine.shutDown()
    }

    @Test
    fun `commands that are cancelled at any moment are done once when they are sent again`(@TempDir folder: Path) = runBlocking {
        val engine = RewardsEngine.openFile("$folder/books.db").also { setUp(it) }
        val random = Random(7)
        for (number in 1..50) {
            val call = launch(Dispatchers.Default) { engine.recordPurchase(record(number), now = NOW) }
            val until = System.nanoTime() + random.nextLong(3_000_000)
            while (System.nanoTime() < until) Thread.onSpinWait()
            call.cancel()
        }
        for (number in 1..50) engine.recordPurchase(record(number), now = NOW)
        val available = engine.getBalance(GetBalance("alice"), now = NOW).assets.map { it.available }
        assertEquals(listOf(money("200.00", "EUR")), available)
        assertEquals(listOf<String>(), engine.verify().problems)
        engine.shutDown()
    }
}
