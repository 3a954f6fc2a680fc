package rewards.engine

import java.time.Instant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import rewards.*

/** The app's keys: what is refused. */
class KeyRingTest {
    private fun key(id: String, from: Instant = Instant.EPOCH, bytes: Int = 32, until: Instant? = null) =
        RingKey(KeyPurpose.ALIAS, id, ByteArray(bytes) { (id.firstOrNull() ?: ' ').code.toByte() }, from, until)

    @Test
    fun `bad rings are refused with paths`() = runBlocking {
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
        assertEquals("key `a` for alias", "${key("a")}")
    }
}
