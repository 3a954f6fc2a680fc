package rewards.engine

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertInstanceOf
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.assertThrows
import rewards.*

/** What must be refused, with its kind, its code and the codes of its problems. */
internal inline fun <reified E : RewardsException> refused(vararg codes: String, crossinline call: suspend () -> Any?): E {
    val error = assertThrows<RewardsException> { runBlocking { call() } }
    assertInstanceOf(E::class.java, error, "$error")
    assertEquals(codes.toList(), listOf(error.code) + error.problems.map { it.code }, error.detail)
    assertTrue(error.detail.isNotBlank())
    return error as E
}
