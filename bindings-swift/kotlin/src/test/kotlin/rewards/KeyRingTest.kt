package rewards.engine

import java.nio.file.Path
import java.time.Instant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** The app's keys: rotation, what is missing, and what is refused. */
class KeyRingTest {
    private val phone = "+4930901820"
    private val link = LinkAlias("alice", "phone", phone)
    private val whose = ResolveAlias("phone", phone)

    private fun key(id: String, from: Instant = Instant.EPOCH, bytes: Int = 32, until: Instant? = null) =
        RingKey(KeyPurpose.ALIAS, id, ByteArray(bytes) { (id.firstOrNull() ?: ' ').code.toByte() }, from, until)

    @Test
    fun `keys rotate`(@TempDir folder: Path) = runBlocking {
        val old = key("old")
        val new = key("new", from = Instant.parse("2010-01-01T00:00:00Z"))
        suspend fun <T> with(vararg ring: RingKey, use: suspend (RewardsEngine) -> T): T {
            val engine = RewardsEngine.openFile("$folder/books.db", keyRing = ring.toList())
            return use(engine).also { engine.shutDown() }
        }
        val linked = with(old) {
            it.registerMember(RegisterMember("alice"), now = NOW)
            it.linkAlias(link, key = "link-1", now = NOW)
        }
        with(new, old) {
            assertEquals("alice", it.resolveAlias(whose, now = NOW).member)
            assertEquals(LinkAliasReceipt(linked, true), it.linkAliasReceipt(link, key = "link-1", now = NOW))
        }
        with(new) { engine ->
            refused<RewardsException.Internal>("key_missing") { engine.resolveAlias(whose, now = NOW) }
        }
        // Linked again it is kept under the new key, and the old one may go.
        with(old, new) { assertEquals(linked, it.linkAlias(link, key = "link-2", now = NOW)) }
        with(new) { assertEquals("alice", it.resolveAlias(whose, now = NOW).member) }
    }

    @Test
    fun `without a ring nothing is taken in confidence`() = runBlocking {
        val engine = RewardsEngine.open("memory:")
        engine.registerMember(RegisterMember("alice"), now = NOW)
        val error = refused<RewardsException.Internal>("key_ring_missing") { engine.linkAlias(link, key = "link-1", now = NOW) }
        assertTrue(phone !in "$error")
        assertEquals("alice", engine.linkAlias(link.copy(plain = true), key = "link-1", now = NOW).member)
    }

    @Test
    fun `bad rings and names that are none are refused with paths`() = runBlocking {
        val rings = mapOf(
            listOf<RingKey>() to ("key_ring_empty" to "key_ring"),
            listOf(key("a"), key("b", bytes = 31)) to ("key_invalid" to "key_ring[1].key"),
            listOf(key("")) to ("id_invalid" to "key_ring[0].id"),
            listOf(key("a"), key("b"), key("a")) to ("id_duplicate" to "key_ring[2].id"),
            listOf(key("a", from = NOW, until = NOW)) to ("range_empty" to "key_ring[0].valid_until"),
        )
        for ((ring, told) in rings) {
            val (code, path) = told
            val error = refused<RewardsException.Invalid>("invalid", code) { RewardsEngine.open("memory:", keyRing = ring) }
            assertEquals(path, error.problems.single().path)
        }
        val engine = RewardsEngine.open("memory:", keyRing = listOf(key("a")))
        for (name in listOf("", "x".repeat(256), "a\u0000b")) {
            val error = refused<RewardsException.Invalid>("invalid", "secret_invalid") { engine.resolveAlias(ResolveAlias("phone", name), now = NOW) }
            assertEquals("name", error.problems.single().path)
        }
        assertEquals("key `a` for alias", "${key("a")}")
    }
}
