package rewards.engine

import rewards.*

import java.io.File
import java.nio.file.Path
import java.time.Instant
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** A wallet app from its first start to its second one. */
class WalletTest {
    private val document = File(System.getProperty("rewards.example"), "wallet.toml").readText()

    @Test
    fun `a wallet quotes offline, records, and shows balance, statement and tier`(@TempDir folder: Path) = runBlocking {
        val file = folder.resolve("wallet 50%.db").toString()
        val purchase = Purchase(
            id = "order-1",
            member = "alice",
            program = "wallet",
            occurredAt = Instant.now(),
            total = money("80.00", "EUR"),
        )

        assertEquals(emptyList<Problem>(), validateProgram(document))
        val offline = OfflineProgram(document)
        val quoted = offline.quote(purchase, explain = true)
        assertEquals(listOf(money("4.00", "EUR"), money("80", "points")), quoted.decision.totals)
        assertEquals(listOf("cashback", "points"), quoted.explanation?.map { it.rule })

        val engine = RewardsEngine.openFile(file)
        engine.publishProgram(PublishProgram(document), key = "wallet, first edition", now = purchase.occurredAt)
        engine.registerMember(RegisterMember("alice"), now = purchase.occurredAt)
        val recorded = engine.recordPurchase(RecordPurchase(purchase, pinned = quoted.decision.digest))
        assertEquals(quoted.decision, recorded.decision)

        val again = engine.recordPurchaseReceipt(RecordPurchase(purchase, pinned = quoted.decision.digest))
        assertTrue(again.replayed)
        assertEquals(recorded, again.reply)

        val balance = engine.getBalance(GetBalance("alice"))
        assertEquals(listOf(money("4.00", "EUR"), money("80", "points")), balance.assets.map { it.available })
        val statement = engine.getStatement(GetStatement("alice"))
        assertEquals(listOf(TransferKind.GRANT, TransferKind.GRANT), statement.lines.map { it.kind })
        assertEquals(recorded.recordedAt, statement.lines.first().recordedAt)
        val club = engine.getTiers(GetTiers("alice", "wallet")).ladders.single()
        assertEquals("basic", club.tier)
        assertEquals(Reached.Amount(money("20.00", "EUR")), club.missing)
        engine.shutDown()

        RewardsEngine.openFile(file).use { reopened ->
            assertEquals(balance.assets, reopened.getBalance(GetBalance("alice")).assets)
            assertEquals(emptyList<String>(), reopened.verify().problems)
            val liability = reopened.liability()
            assertEquals(1uL, liability.members)
            assertEquals(balance.assets.map { it.available }, liability.assets.map { it.available })
            assertEquals(emptyList<AssetLiability>(), reopened.liability(Instant.EPOCH).assets)
            assertEquals("sqlite", reopened.health().backend)
            reopened.shutDown()
        }
    }

    @Test
    fun `the host's clock decides when no time is given`() = runBlocking {
        val noon = Instant.parse("2026-05-01T12:00:00.000001Z")
        val clock = object : HostClock {
            override fun now(): Timestamp = noon
        }
        val engine = RewardsEngine.open("memory:", seed = 7uL, clock = clock)
        assertEquals(noon, engine.registerMember(RegisterMember("alice")).registeredAt)
    }

    @Test
    fun `calls may be made many at once`() = runBlocking {
        val engine = RewardsEngine.open("memory:")
        val members = (1..100).map { "member-$it" }
        val registered = coroutineScope {
            members.map { member -> async { engine.registerMember(RegisterMember(member)).member } }.awaitAll()
        }
        assertEquals(members, registered)
        assertEquals(100uL, engine.verify().members)
    }
}
