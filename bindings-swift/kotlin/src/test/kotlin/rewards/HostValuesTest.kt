package rewards.engine

import com.fasterxml.jackson.databind.ObjectMapper
import java.io.File
import java.math.BigDecimal
import java.nio.file.Path
import java.time.Instant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

/** A host's clock that does something else than tell the time. */
private class Clock(private val told: () -> Instant) : HostClock {
    override fun now(): Instant = told()
}

/** What must become of a value: the kind and code of the error, and code and path of each problem. */
private data class Told(val kind: String, val code: String, val problems: List<Pair<String, String>> = listOf())

private fun invalid(code: String, path: String) = Told("Invalid", "invalid", listOf(code to path))

/** Whatever a host hands in ends in the typed error, never beside it and never as a defect of the library. */
class HostValuesTest {
    @TempDir
    lateinit var folder: Path
    private val engine by lazy {
        runBlocking {
            RewardsEngine.openFile("$folder/books.db", keyRing = listOf(key("a", 32)))
                .also { it.publishProgram(PublishProgram(CLUB), key = "club", now = NOW) }
        }
    }

    private fun key(id: String, bytes: Int) = RingKey(KeyPurpose.ALIAS, id, ByteArray(bytes), Instant.EPOCH)

    private fun record(merchant: String? = null, total: Money = money("80.00", "EUR"), lines: List<Line> = listOf()) =
        RecordPurchase(Purchase("order-1", "alice", "club", NOW, total, merchant = merchant, lines = lines))

    /** Where a text may be handed in. */
    private val texts: Map<String, suspend (String) -> Any?> = mapOf(
        "member" to { engine.registerMember(RegisterMember(it), now = NOW) },
        "key" to { engine.registerMember(RegisterMember("alice"), key = it, now = NOW) },
        "tenant" to { RewardsEngine.open("memory:", tenant = it) },
        "slug" to { engine.resolveAlias(ResolveAlias(it, "+49"), now = NOW) },
        "secret" to { engine.resolveAlias(ResolveAlias("phone", it), now = NOW) },
        "merchant" to { engine.recordPurchase(record(merchant = it), now = NOW) },
        "attribute" to { engine.registerMember(RegisterMember("alice", attributes = mapOf(it to "1")), now = NOW) },
        "reason" to { engine.grantReward(GrantReward("alice", money("1", "EUR"), it), key = "grant", now = NOW) },
        "page" to { engine.listMembers(ListMembers(after = it), now = NOW) },
        "amount" to { money(it, "EUR") },
        "asset" to { money("1", it) },
        "json" to { registerMemberFromJson(it) },
        "canonical_json" to { canonicalJson(it) },
        "program" to { OfflineProgram(it) },
        "url" to { RewardsEngine.open(it) },
        "path" to { RewardsEngine.openFile(it) },
        "backup" to { engine.backup(it) },
        "ring_id" to { RewardsEngine.open("memory:", keyRing = listOf(key(it, 32))) },
    )

    /** Where a number may be handed in, as text. */
    private val numbers: Map<String, suspend (String) -> Any?> = mapOf(
        "limit" to { engine.listMembers(ListMembers(limit = it.toUInt()), now = NOW) },
        "revision" to { engine.getProgram(GetProgram("club", it.toUInt()), now = NOW) },
        "decimals" to { engine.recordPurchase(record(total = Money(BigDecimal(it), "EUR")), now = NOW) },
        "timeout" to { RewardsEngine.open("memory:", timeoutMilliseconds = it.toULong()) },
        "ring_bytes" to { RewardsEngine.open("memory:", keyRing = listOf(key("a", it.toInt()))) },
        "time" to { engine.registerMember(RegisterMember("alice"), now = Instant.ofEpochSecond(it.toLong())) },
        "clock" to { withClock { Instant.ofEpochSecond(it.toLong()) } },
    )

    private suspend fun withClock(told: () -> Instant) {
        val clocked = RewardsEngine.open("memory:", clock = Clock(told))
        try {
            clocked.registerMember(RegisterMember("alice"))
        } finally {
            clocked.shutDown()
        }
    }

    /** What a call ends in when it is not what it must be. */
    private fun wrong(what: String, wanted: Told, call: suspend () -> Any?): String? {
        val found = try {
            "answered with ${runBlocking { call() }}"
        } catch (error: RewardsException) {
            val told = Told(error::class.simpleName!!, error.code, error.problems.map { it.code to it.path })
            if (told == wanted && "defect" !in error.detail && error.detail.isNotBlank()) return null
            "$told: ${error.detail}"
        } catch (error: Throwable) {
            "$error"
        }
        return "$what: expected $wanted, got ${found.take(300)}"
    }

    private fun expectNone(wrong: List<String>) {
        if (wrong.isNotEmpty()) fail<Unit>(wrong.joinToString("\n"))
        runBlocking {
            assertEquals(0uL, engine.verify().members, "something was written")
            engine.shutDown()
        }
    }

    @Test
    fun `values of every language end in the typed error`() {
        val cases = ObjectMapper().readTree(File(System.getProperty("rewards.cases"), "host_values.json"))
        expectNone(
            cases.mapNotNull { case ->
                val into = case["into"].textValue()
                val value = case["value"].textValue().replace("FOLDER", "$folder").repeat(case["times"]?.intValue() ?: 1)
                val problems = case["problems"]?.map { it[0].textValue() to it[1].textValue() }
                val wanted = when (problems) {
                    null -> Told(case["kind"].textValue(), case["code"].textValue())
                    else -> Told("Invalid", "invalid", problems)
                }
                val call = texts[into] ?: numbers.getValue(into)
                wrong("$into ${value.take(40)}", wanted) { call(value) }
            },
        )
    }

    @Test
    fun `half a surrogate pair is no text wherever it is`() {
        val halves = listOf("\ud800", "\udc00", "a\ud800b", "\udc00\ud800", "😀\ud83d")
        val places = texts + mapOf<String, suspend (String) -> Any?>(
            "attribute's value" to { engine.registerMember(RegisterMember("alice", attributes = mapOf("a" to it)), now = NOW) },
            "segment" to { engine.registerMember(RegisterMember("alice", segments = setOf(it)), now = NOW) },
            "asset of a record" to { engine.recordPurchase(record(total = Money(BigDecimal.ONE, it)), now = NOW) },
            "marks" to { readLocalMoney("1", "EUR", it, ",") },
            "document" to { validateProgram(it) },
            "reply" to { registeredMemberToJson(RegisteredMember(it, NOW)) },
            "error" to { errorToJson(RewardsException.Invalid(it, "", mapOf(), listOf())) },
        )
        expectNone(
            places.flatMap { (place, call) ->
                halves.mapNotNull { half -> wrong("$place ${half.map { it.code }}", invalid("value_invalid", "")) { call(half) } }
            },
        )
    }

    @Test
    fun `numbers and times that only Kotlin has`() {
        val amounts = mapOf(
            "1e-2147483647" to "amount_invalid", "1e2147483647" to "amount_invalid", "1e30" to "amount_overflow",
            "-1e30" to "amount_overflow", "0.001" to "amount_scale",
        )
        val times = listOf(Instant.MIN, Instant.MAX, Instant.EPOCH.minusMillis(1), Instant.ofEpochSecond(-1_000_000_000_000))
        val clocks = times.map { time -> wrong("clock at $time", invalid("time_out_of_range", "clock")) { withClock { time } } }
        expectNone(
            amounts.mapNotNull { (amount, code) -> wrong(amount, invalid(code, "amount")) { numbers.getValue("decimals")(amount) } } +
                times.mapNotNull { wrong("$it", invalid("time_out_of_range", "")) { engine.settleMember(SettleMember("alice"), now = it) } } +
                clocks.filterNotNull(),
        )
    }

    @Test
    fun `a clock that throws is told as that`() {
        fun endless(depth: Int): Instant = endless(depth + 1).plusNanos(depth.toLong())
        val clocks = mapOf<String, () -> Instant>(
            "exception" to { error("not synchronised yet") },
            "error" to { TODO("not synchronised yet") },
            "half a pair in its words" to { error("\ud800") },
            "error of the library" to { throw RewardsException.Rejected("member_unknown", "no", mapOf(), listOf()) },
            "stack" to { endless(0) },
            "interruption" to { throw InterruptedException() },
            "no words" to { throw Exception() },
        )
        expectNone(clocks.mapNotNull { (what, told) -> wrong(what, Told("Unavailable", "clock_failed")) { withClock(told) } })
    }

    @Test
    fun `an object that was closed says so`() {
        val offline = OfflineProgram(CLUB).also { it.close() }
        val closed = runBlocking { RewardsEngine.open("memory:") }.also { it.close() }
        val purchase = record().purchase
        expectNone(
            listOfNotNull(
                wrong("offline program", Told("Unavailable", "program_closed")) { offline.quote(purchase) },
                wrong("engine", Told("Unavailable", "engine_closed")) { closed.registerMember(RegisterMember("alice")) },
                wrong("engine's end", Told("Unavailable", "engine_closed")) { closed.shutDown() },
            ),
        )
    }

    @Test
    fun `a request of more than two gigabytes is refused`() {
        val line = Line(money("1.00", "EUR"), category = "x".repeat(1_000_000))
        expectNone(listOfNotNull(wrong("lines", invalid("too_large", "")) { engine.recordPurchase(record(lines = List(1_000) { line })) }))
    }
}
