package rewards.engine

import java.io.File
import java.io.IOException
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** What can be wrong below the rules: addresses, files, disks, and other processes. */
class StoresTest {
    private fun says(words: String, error: RewardsException) {
        val text = error.detail + error.problems.joinToString { it.detail }
        assertTrue(words in text, "expected `$words` in `$text`")
    }

    private suspend fun made(file: String): RewardsEngine = RewardsEngine.openFile(file).also { setUp(it) }

    @Test
    fun `a wrong address is refused`() {
        val addresses = mapOf(
            "" to "expected `memory:` or `sqlite:///file.db` (an absolute path after four slashes), got text without a scheme",
            "books.db" to "got text without a scheme",
            "mysql://me:secret@host/books" to "expected `memory:` or `sqlite:///file.db` (an absolute path after four slashes), got scheme `mysql`",
            "postgresql://me:secret@host/books" to "got scheme `postgresql`, which this build was made without",
            "memory:books" to "got more after `memory:`",
            "sqlite://books.db" to "`sqlite:////absolute/file.db` or `sqlite::memory:`, got two slashes",
            "sqlite:///?mode=ro" to "expected the path of a file with `mode`, got none",
            "sqlite:///books.db?moed=ro" to "expected only the parameters `mode`",
        )
        for ((url, words) in addresses) {
            val error = refused<RewardsException.Invalid>("invalid", "url_invalid") { RewardsEngine.open(url) }
            assertEquals("url", error.problems.single().path)
            says(words, error)
            assertTrue("secret" !in "$error ${error.problems}")
        }
        val error = refused<RewardsException.Invalid>("invalid", "url_invalid") { RewardsEngine.openFile("") }
        assertEquals("path", error.problems.single().path)
    }

    @Test
    fun `files that cannot be opened say what to look at`(@TempDir folder: Path) {
        says("there is no folder", refused<RewardsException.Internal>("folder_missing") { RewardsEngine.openFile("$folder/no/such/a.db") })
        val text = Files.writeString(folder.resolve("text.db"), "no database at all, but long enough to have a header\n".repeat(20))
        val error = refused<RewardsException.Internal>("store_corrupt") { RewardsEngine.openFile("$text") }
        says("not a database; check that the address is that of a store", error)
    }

    @Test
    fun `a file that may only be read is told`() = runBlocking {
        onSmallDisk { folder ->
            val file = "$folder/books.db"
            made(file).shutDown()
            // Permissions mean nothing to the superuser, a disk that takes no writes does.
            run("mount", "-o", "remount,ro", folder)
            says("may write to the file and to its folder", refused<RewardsException.Internal>("store_read_only") { RewardsEngine.openFile(file) })
            run("mount", "-o", "remount,rw", folder)
            val engine = RewardsEngine.open("sqlite:///$file?mode=ro")
            val error = refused<RewardsException.Internal>("store_read_only") { engine.recordPurchase(record(1), now = NOW) }
            says("readonly database; make the file writable and open it again", error)
            assertEquals(emptyList<AssetBalance>(), engine.getBalance(GetBalance("alice"), now = NOW).assets)
            engine.shutDown()
        }
    }

    @Test
    fun `a full disk is told and survived`() = runBlocking {
        onSmallDisk { folder ->
            val engine = made("$folder/books.db")
            engine.recordPurchase(record(1), now = NOW)
            val ballast = File(folder, "ballast")
            ballast.outputStream().use { assertThrows<IOException> { while (true) it.write(ByteArray(4096)) } }
            var done = 1
            val error = assertThrows<RewardsException> {
                runBlocking { while (done < 10_000) { engine.recordPurchase(record(done + 1), now = NOW); done += 1 } }
            }
            assertInstanceOf(RewardsException.Unavailable::class.java, error)
            assertEquals("disk_full", error.code)
            ballast.delete()
            // What was not done can be done now, and what was done is not done twice.
            for (number in 1..done + 1) {
                assertEquals(number <= done, engine.recordPurchaseReceipt(record(number), now = NOW).replayed)
            }
            assertEquals(emptyList<String>(), engine.verify().problems)
            engine.shutDown()
        }
    }

    @Test
    fun `a copy can be looked at while the engine works on`(@TempDir folder: Path) = runBlocking {
        val engine = made("$folder/books.db")
        engine.recordPurchase(record(1), now = NOW)
        engine.backup("$folder/copy.db")
        engine.recordPurchase(record(2), now = NOW)
        says("is there", refused<RewardsException.Rejected>("file_exists") { engine.backup("$folder/copy.db") })
        engine.shutDown()
        val copy = RewardsEngine.openFile("$folder/copy.db")
        assertEquals(emptyList<String>(), copy.verify().problems)
        assertTrue(copy.recordPurchaseReceipt(record(1), now = NOW).replayed)
        assertTrue(!copy.recordPurchaseReceipt(record(2), now = NOW).replayed)
        copy.shutDown()
        val memory = RewardsEngine.open("memory:")
        refused<RewardsException.Rejected>("backup_unsupported") { memory.backup("$folder/memory.db") }
        memory.shutDown()
    }

    @Test
    fun `a file that the app has open otherwise is refused`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        val engine = made(file)
        // Closing it takes the locks of the whole process away.
        Files.readAllBytes(Path.of(file))
        says("a file of its own", refused<RewardsException.Internal>("file_in_use_here") { engine.recordPurchase(record(1), now = NOW) })
        engine.shutDown()
        File(file).inputStream().use {
            refused<RewardsException.Internal>("file_in_use_here") { RewardsEngine.openFile(file) }
        }
        RewardsEngine.openFile(file).shutDown()
    }

    @Test
    fun `a newer schema is told`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        made(file).shutDown()
        val migration = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)" +
            " values (99, 'from the future', 1, x'00', 0)"
        run("sqlite3", file, migration)
        val error = refused<RewardsException.Internal>("schema_too_new") { RewardsEngine.openFile(file) }
        says("schema version 99 is newer than the newest known version 1: update the library", error)
    }

    @Test
    fun `events that nobody sends can be removed and need not be kept`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        val engine = made(file)
        assertEquals(2uL, engine.health().outboxWaiting)
        assertEquals(2uL, engine.discardEvents())
        engine.shutDown()
        val silent = RewardsEngine.openFile(file, keepEvents = false)
        silent.recordPurchase(record(1), now = NOW)
        assertEquals(0uL, silent.health().outboxWaiting)
        silent.shutDown()
    }

    @Test
    fun `two processes share a file`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        made(file).shutDown()
        val both = List(2) { runningMain("record", file) }
        // Both sent all of them: each took effect for one and was replayed for the other.
        assertEquals(60, both.sumOf { one -> one.use { it.lastLine().toInt() } })
        val engine = RewardsEngine.openFile(file)
        assertEquals(listOf(money("240.00", "EUR")), engine.getBalance(GetBalance("alice"), now = NOW).assets.map { it.available })
        assertEquals(emptyList<String>(), engine.verify().problems)
        engine.shutDown()
    }

    @Test
    fun `another process that holds the file is told`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        val engine = made(file)
        Running("sqlite3", file).use { other ->
            other.write("begin immediate;")
            other.write(".system echo held")
            assertEquals("held", other.readLine())
            val opened = refused<RewardsException.Unavailable>("store_unavailable") { RewardsEngine.openFile(file) }
            says("another process holds the database: open it again", opened)
            val sent = refused<RewardsException.Unavailable>("store_unavailable") { engine.recordPurchase(record(1), now = NOW) }
            says("another process holds the database: send the command again with the same key", sent)
            // Reading waits for nobody.
            assertEquals(emptyList<AssetBalance>(), engine.getBalance(GetBalance("alice"), now = NOW).assets)
        }
        assertEquals(false, engine.recordPurchaseReceipt(record(1), now = NOW).replayed)
        engine.shutDown()
    }

    @Test
    fun `an app says how long it waits`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        made(file).shutDown()
        val engine = RewardsEngine.openFile(file, timeoutMilliseconds = 300uL)
        Running("sqlite3", file).use { other ->
            other.write("begin immediate;")
            other.write(".system echo held")
            assertEquals("held", other.readLine())
            val begun = System.nanoTime()
            refused<RewardsException.Unavailable>("store_unavailable") { RewardsEngine.openFile(file, timeoutMilliseconds = 300uL) }
            refused<RewardsException.Unavailable>("store_unavailable") { engine.recordPurchase(record(1), now = NOW) }
            val waited = Duration.ofNanos(System.nanoTime() - begun)
            assertTrue(waited < Duration.ofMillis(1_900), "waited for $waited, as long as when nothing is said")
        }
        engine.shutDown()
        for (wrong in listOf(0uL, 99uL, 3_600_001uL, ULong.MAX_VALUE)) {
            val error = refused<RewardsException.Invalid>("invalid", "value_invalid") { RewardsEngine.open("memory:", timeoutMilliseconds = wrong) }
            assertEquals("timeout_milliseconds", error.problems.single().path)
        }
    }
}
