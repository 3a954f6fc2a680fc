package rewards.engine

import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import java.util.concurrent.atomic.AtomicReference
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** Clocks that cannot be right: nothing is decided by them, and the way out is said. */
class ClocksTest {
    private val told = AtomicReference(NOW)
    private val clock = object : HostClock {
        override fun now(): Instant = told.get()
    }

    private fun setTo(after: Duration) = NOW.plus(after).also { told.set(it) }

    @Test
    fun `a clock that jumped ahead does nothing until its time is accepted`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        suspend fun open() = RewardsEngine.openFile(file, clock = clock, clockJumpSecondsMax = 86_400uL)
        open().run {
            setUp(this)
            grantReward(GrantReward("alice", money("5.00", "EUR"), "welcome", expiresAt = NOW.plusSeconds(3_600)), key = "welcome")
            shutDown()
        }
        val ahead = setTo(Duration.ofDays(2))
        val engine = open()
        val error = refused<RewardsException.Unavailable>("clock_ahead") { engine.registerMember(RegisterMember("bob")) }
        assertEquals(setOf("clock", "known", "seconds"), error.context.keys)
        assertEquals("172800", error.context["seconds"])
        refused<RewardsException.Unavailable>("clock_ahead") { engine.settleMember(SettleMember("alice"), key = "s") }
        val believed = engine.getBalance(GetBalance("alice"))
        assertEquals(NOW to money("5.00", "EUR"), believed.at to believed.assets.single().available)

        engine.acceptTime(ahead)
        assertEquals("bob", engine.registerMember(RegisterMember("bob")).member)
        val accepted = engine.getBalance(GetBalance("alice"))
        assertEquals(ahead to money("0.00", "EUR"), accepted.at to accepted.assets.single().available)
        engine.shutDown()
        refused<RewardsException.Unavailable>("engine_closed") { engine.acceptTime(ahead) }
    }

    @Test
    fun `a clock that is behind is told and not the request blamed`(@TempDir folder: Path) = runBlocking {
        val file = "$folder/books.db"
        setTo(Duration.ofHours(1))
        val early = RewardsEngine.openFile(file, clock = clock)
        early.publishProgram(PublishProgram(CLUB), key = "club")
        early.registerMember(RegisterMember("alice"))
        early.shutDown()
        setTo(Duration.ZERO)
        val late = RewardsEngine.openFile(file, clock = clock)
        val error = refused<RewardsException.Unavailable>("clock_behind") { late.settleMember(SettleMember("alice"), key = "s") }
        assertEquals("3600", error.context["seconds"])
        setTo(Duration.ofHours(1))
        late.settleMember(SettleMember("alice"), key = "s")
        late.shutDown()
    }
}
