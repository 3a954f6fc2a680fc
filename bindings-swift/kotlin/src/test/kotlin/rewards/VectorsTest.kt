package rewards.engine

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.io.File
import java.nio.file.Path
import java.time.Instant
import java.util.HexFormat
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

internal class Call(val engine: RewardsEngine, val request: String, val key: String?, val now: Instant)

/** The reply as canonical JSON, and whether it was replayed. */
internal typealias Answer = Pair<String, Boolean>

/** The conformance vectors through the typed API, on the memory store and on a file. */
class VectorsTest {
    private val json = ObjectMapper()

    @Test
    fun `every case comes out as the vectors say`(@TempDir folder: Path) = runBlocking {
        val files = File(System.getProperty("rewards.vectors")).listFiles { file -> file.extension == "json" }!!.sorted()
        var cases = 0
        val differences = mutableListOf<String>()
        for (file in files) {
            for (case in json.readTree(file)["cases"]) {
                cases += 1
                for (url in listOf("memory:", "sqlite:///$folder/$cases.db")) {
                    val engine = RewardsEngine.open(
                        url,
                        tenant = "vectors",
                        seed = 7uL,
                        keyRing = case["key_ring"]?.map(::ringKey),
                        nowAheadSecondsMax = ULong.MAX_VALUE,
                    )
                    case["steps"].forEachIndexed { number, step ->
                        val (wanted, found) = expected(step) to outcome(engine, step)
                        if (wanted != found) {
                            differences += "${file.name} ${case["name"]} step $number on $url\n  expected $wanted\n  found    $found"
                        }
                    }
                    engine.shutDown()
                }
            }
        }
        assertEquals(emptyList<String>(), differences)
        println("vectors: $cases cases")
    }

    private fun ringKey(key: JsonNode) = RingKey(
        purpose = KeyPurpose.valueOf(key["purpose"].textValue().uppercase()),
        id = key["id"].textValue(),
        key = HexFormat.of().parseHex(key["key"].textValue()),
        validFrom = Instant.parse(key["valid_from"].textValue()),
        validUntil = key["valid_until"]?.let { Instant.parse(it.textValue()) },
    )

    private fun expected(step: JsonNode): String = when (val fault = step["fault"]) {
        null -> canonicalJson("${step["reply"]}") + if (step["replayed"]?.booleanValue() == true) " replayed" else ""
        else -> canonicalJson("$fault")
    }

    private suspend fun outcome(engine: RewardsEngine, step: JsonNode): String {
        val call = Call(engine, "${step["request"]}", step["key"]?.textValue(), Instant.parse(step["now"].textValue()))
        return try {
            val (reply, replayed) = OPERATIONS.getValue(step["operation"].textValue())(call)
            reply + if (replayed) " replayed" else ""
        } catch (error: RewardsException) {
            errorToJson(error)
        }
    }
}
