package rewards.engine

import com.fasterxml.jackson.databind.JsonNode
import com.fasterxml.jackson.databind.ObjectMapper
import java.io.File
import java.nio.file.Path
import java.time.Instant
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import rewards.*

private class Call(val engine: RewardsEngine, val request: String, val key: String?, val now: Instant)

/** The reply as canonical JSON, and whether it was replayed. */
private typealias Answer = Pair<String, Boolean>

private val operations: Map<String, suspend Call.() -> Answer> = mapOf(
    "publish_program" to {
        engine.publishProgramReceipt(publishProgramFromJson(request), key, now)
            .let { publishedProgramToJson(it.reply) to it.replayed }
    },
    "register_member" to {
        engine.registerMemberReceipt(registerMemberFromJson(request), key, now)
            .let { registeredMemberToJson(it.reply) to it.replayed }
    },
    "record_purchase" to {
        engine.recordPurchaseReceipt(recordPurchaseFromJson(request), key, now)
            .let { recordedPurchaseToJson(it.reply) to it.replayed }
    },
    "confirm_purchase" to {
        engine.confirmPurchaseReceipt(confirmPurchaseFromJson(request), key, now)
            .let { confirmedPurchaseToJson(it.reply) to it.replayed }
    },
    "cancel_purchase" to {
        engine.cancelPurchaseReceipt(cancelPurchaseFromJson(request), key, now)
            .let { cancelledPurchaseToJson(it.reply) to it.replayed }
    },
    "grant_reward" to {
        engine.grantRewardReceipt(grantRewardFromJson(request), key, now)
            .let { grantedByHandToJson(it.reply) to it.replayed }
    },
    "deduct_balance" to {
        engine.adjustBalanceReceipt(adjustBalanceFromJson(request), key, now)
            .let { adjustedBalanceToJson(it.reply) to it.replayed }
    },
    "settle_member" to {
        engine.settleMemberReceipt(settleMemberFromJson(request), key, now)
            .let { settledMemberToJson(it.reply) to it.replayed }
    },
    "quote_purchase" to {
        quotedPurchaseToJson(engine.quotePurchase(quotePurchaseFromJson(request), now)) to false
    },
    "get_balance" to { balanceToJson(engine.getBalance(getBalanceFromJson(request), now)) to false },
    "get_statement" to { statementToJson(engine.getStatement(getStatementFromJson(request), now)) to false },
    "get_tiers" to { memberTiersToJson(engine.getTiers(getTiersFromJson(request), now)) to false },
)

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
                for (url in listOf("memory:", "sqlite://$folder/$cases.db")) {
                    val engine = RewardsEngine.open(url, tenant = "vectors", seed = 7uL)
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

    private fun expected(step: JsonNode): String = when (val fault = step["fault"]) {
        null -> canonicalJson("${step["reply"]}") + if (step["replayed"]?.booleanValue() == true) " replayed" else ""
        else -> canonicalJson("$fault")
    }

    private suspend fun outcome(engine: RewardsEngine, step: JsonNode): String {
        val call = Call(engine, "${step["request"]}", step["key"]?.textValue(), Instant.parse(step["now"].textValue()))
        return try {
            val (reply, replayed) = operations.getValue(step["operation"].textValue())(call)
            reply + if (replayed) " replayed" else ""
        } catch (error: RewardsException) {
            errorToJson(error)
        }
    }
}
