package rewards.engine

import java.time.Instant
import java.util.Locale
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import rewards.*

/** What can be wrong, and what comes of it: an exception of the right kind, never the end of the process. */
class BadInputTest {
    private val at = Instant.parse("2026-05-01T12:00:00Z")
    private val program = """
        id = "club"
        currency = "EUR"
        zone = "UTC"
        rules = [{ id = "everything", effect = { percent = { rate = "5%" } } }]
    """.trimIndent()

    private fun purchase(
        id: String = "order-1",
        total: Money = money("80.00", "EUR"),
        occurredAt: Instant = at,
    ) = Purchase(id = id, member = "alice", program = "club", occurredAt = occurredAt, total = total)

    @Test
    fun `values that break their own rules are refused with the codes of JSON`() {
        val offline = OfflineProgram(program)
        refused<RewardsException.Invalid>("invalid", "amount_scale") { offline.quote(purchase(total = money("1.001", "EUR"))) }
        refused<RewardsException.Invalid>("invalid", "amount_overflow") { offline.quote(purchase(total = Money("1e30".toBigDecimal(), "EUR"))) }
        refused<RewardsException.Invalid>("invalid", "amount_invalid") { offline.quote(purchase(total = Money("1e999999999".toBigDecimal(), "EUR"))) }
        refused<RewardsException.Invalid>("invalid", "asset_invalid") { offline.quote(purchase(total = money("1", "euro!"))) }
        refused<RewardsException.Invalid>("invalid", "id_invalid") { offline.quote(purchase(id = "")) }
        refused<RewardsException.Invalid>("invalid", "time_out_of_range") { offline.quote(purchase(occurredAt = Instant.MAX)) }
        refused<RewardsException.Invalid>("invalid", "time_out_of_range") { offline.quote(purchase(occurredAt = Instant.MIN)) }
        refused<RewardsException.Invalid>("invalid", "asset_mismatch") { offline.quote(purchase(total = money("1", "USD"))) }
        refused<RewardsException.Invalid>("invalid", "field_unknown") { getBalanceFromJson("""{"membre": "alice"}""") }
        refused<RewardsException.Invalid>("invalid", "syntax") { getBalanceFromJson("{") }
        refused<RewardsException.Rejected>("program_unknown") { offline.quote(purchase().copy(program = "other")) }
    }

    @Test
    fun `an amount is read whole or refused`() {
        assertEquals(Money("80.50".toBigDecimal(), "EUR"), money("80.50", "EUR"))
        for (text in listOf("80,50", "1,000.00", "80.50abc", "80.50 ", "1e2", "", "٨٠")) {
            val error = refused<RewardsException.Invalid>("invalid", "amount_invalid") { money(text, "EUR") }
            assertEquals("amount", error.problems.single().path)
        }
        assertEquals(money("1234.50", "EUR"), money("1.234,50", "EUR", Locale.GERMANY))
        assertEquals(money("1234.50", "EUR"), money("1 234,50", "EUR", Locale.FRANCE))
        assertEquals(money("1234.50", "EUR"), money("1,234.50", "EUR", Locale.US))
        refused<RewardsException.Invalid>("invalid", "amount_invalid") { money("80.50", "EUR", Locale.GERMANY) }
        refused<RewardsException.Invalid>("invalid", "amount_invalid") { money("80,50", "EUR", Locale.US) }
    }

    @Test
    fun `a typed value has a path of its own, and JSON the whole path`() {
        val offline = OfflineProgram(program)
        val typed = listOf(
            "amount" to refused<RewardsException.Invalid>("invalid", "amount_scale") { offline.quote(purchase(total = money("1.001", "EUR"))) },
            "" to refused<RewardsException.Invalid>("invalid", "id_invalid") { offline.quote(purchase(id = "")) },
            "" to refused<RewardsException.Invalid>("invalid", "asset_invalid") { offline.quote(purchase(total = money("1", "euro!"))) },
        )
        for ((path, error) in typed) assertEquals(path, error.problems.single().path)
        val json = """{"purchase": {"id": "", "member": "alice", "program": "club", "occurred_at": "2026-05-01T12:00:00Z",
            "total": {"amount": "1.001", "asset": "EUR"}}}"""
        val error = refused<RewardsException.Invalid>("invalid", "id_invalid", "amount_scale") { recordPurchaseFromJson(json) }
        assertEquals(listOf("purchase.id", "purchase.total"), error.problems.map { it.path })
    }

    @Test
    fun `a document is refused with all its problems`() {
        val document = program.replace("zone", "zome").replace("5%", "five")
        val problems = validateProgram(document)
        val wanted = listOf("rate_invalid" to "rules[0].effect.percent.rate", "field_unknown" to "zome")
        assertEquals(wanted, problems.map { it.code to it.path })
        refused<RewardsException.Invalid>("invalid", "rate_invalid", "field_unknown") { OfflineProgram(document) }
    }

    @Test
    fun `a tenant that is none is refused`() {
        refused<RewardsException.Invalid>("invalid", "id_invalid") { RewardsEngine.open("memory:", tenant = "") }
    }

    @Test
    fun `a command without any key, a reused key and a closed engine`() = runBlocking {
        val engine = RewardsEngine.open("memory:")
        refused<RewardsException.Invalid>("invalid", "key_required") { engine.publishProgram(PublishProgram(program)) }
        refused<RewardsException.Rejected>("member_unknown") { engine.getBalance(GetBalance("alice")) }
        engine.registerMember(RegisterMember("alice"), key = "once")
        refused<RewardsException.Conflict>("key_reused") { engine.registerMember(RegisterMember("bob"), key = "once") }
        engine.shutDown()
        engine.shutDown()
        refused<RewardsException.Unavailable>("engine_closed") { engine.getBalance(GetBalance("alice")) }
    }

    @Test
    fun `a time that lies ahead of the clock is refused unless the engine allows it`() = runBlocking {
        val noon = Instant.parse("2026-05-01T12:00:00Z")
        val clock = object : HostClock {
            override fun now(): Timestamp = noon
        }
        val (near, far) = noon.plusSeconds(300) to noon.plusSeconds(301)
        val engine = RewardsEngine.open("memory:", clock = clock)
        refused<RewardsException.Invalid>("invalid", "now_ahead") { engine.registerMember(RegisterMember("alice"), now = far) }
        assertEquals(near, engine.registerMember(RegisterMember("alice"), now = near).registeredAt)
        refused<RewardsException.Invalid>("invalid", "now_ahead") { engine.getBalance(GetBalance("alice"), now = far) }
        val other = RewardsEngine.open("memory:", clock = clock, nowAheadSecondsMax = 301uL)
        assertEquals(far, other.registerMember(RegisterMember("alice"), now = far).registeredAt)
    }

    @Test
    fun `a panic is an internal error and the engine goes on`() = runBlocking {
        refused<RewardsException.Internal>("internal") { RewardsEngine.open("test-hook:panic") }
        refused<RewardsException.Internal>("internal") { validateProgram("test-hook:panic") }
        val engine = RewardsEngine.open("memory:")
        refused<RewardsException.Internal>("internal") { engine.registerMember(RegisterMember("alice"), key = "test-hook:panic") }
        assertEquals("alice", engine.registerMember(RegisterMember("alice")).member)
    }

    @Test
    fun `a clock that throws is not asked where any time may be given`() = runBlocking {
        val clock = object : HostClock {
            override fun now(): Timestamp = error("no time")
        }
        val broken = RewardsEngine.open("memory:", clock = clock, nowAheadSecondsMax = ULong.MAX_VALUE)
        refused<RewardsException.Unavailable>("clock_failed") { broken.registerMember(RegisterMember("alice")) }
        assertEquals("alice", broken.registerMember(RegisterMember("alice"), now = at).member)
    }
}
