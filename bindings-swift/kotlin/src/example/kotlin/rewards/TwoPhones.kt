package rewards.example

import java.nio.file.Path
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.Signature
import java.time.Duration
import java.time.Instant
import java.util.HexFormat
import rewards.*
import rewards.engine.*

/** A market day: two phones pay at a till that has no network, and in the evening everybody is paid. */

/** The bytes of an Ed25519 key at the end of its X.509 form. */
private const val PUBLIC_KEY_BYTES = 32

/** The issuer's program: what members have pays tokens of at most 50.00, a payment at most 20.00. */
private val PROGRAM = """
    id = "market"
    currency = "EUR"
    zone = "Europe/Berlin"

    [redemptions]
    order = ["cashback"]

    [tokens]
    issuer = "market"
    maximum = "50.00"
    spend_maximum = "20.00"
""".trimIndent()

/** A phone. Its key would be in the secure element; a token is worth nothing without it. */
class Phone(val member: String) {
    private val keys: KeyPair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair()
    private var token: String? = null
    private var previous: String? = null

    /** What the issuer writes into tokens for this phone. */
    val publicKey: String
        get() = HexFormat.of().formatHex(keys.public.encoded.takeLast(PUBLIC_KEY_BYTES).toByteArray())

    fun load(token: String) {
        this.token = token
        previous = null
    }

    /** What the phone shows to pay. A wallet asks its owner first, with merchant and amount on the screen. */
    fun pay(merchant: String, amount: Money, reference: String, now: Instant): ShownToken {
        val token = requireNotNull(token) { "there is no token on the phone" }
        val spend = TokenSpend(token, previous, merchant, amount, reference, now)
        val signature = Signature.getInstance("Ed25519").run {
            initSign(keys.private)
            update(spendMessage(spend))
            sign()
        }
        val proof = spendProof(spend, signature)
        previous = proof
        return ShownToken(token, proof, amount, reference, null, now)
    }
}

/** The issuer: an engine with a network, which phones and the till reach in the morning and in the evening. */
class Issuer private constructor(private val engine: RewardsEngine) {
    companion object {
        suspend fun open(now: Instant): Issuer {
            val key = RingKey(KeyPurpose.TOKENS, "t-2026", ByteArray(32) { 7 }, Instant.EPOCH)
            val engine = RewardsEngine.open("memory:", keyRing = listOf(key))
            engine.publishProgram(PublishProgram(PROGRAM), key = "market, first edition", now = now)
            return Issuer(engine)
        }
    }

    suspend fun welcome(member: String, amount: Money, now: Instant) {
        engine.registerMember(RegisterMember(member), now = now)
        engine.grantReward(GrantReward(member, amount, "a start"), key = "start of $member", now = now)
    }

    /** Reserves an amount of a member, and gives a token for it to the phone. */
    suspend fun load(phone: Phone, id: String, amount: Money, now: Instant) {
        val issue = IssueToken(id, phone.member, "market", amount, holderKey = phone.publicKey)
        phone.load(engine.issueToken(issue, now = now).text)
    }

    /** What a till has to know before it goes where there is no network. */
    suspend fun verifier(merchant: String, now: Instant): TokenVerifier = TokenVerifier(
        issuer = "market",
        keys = engine.getTokenKeys(GetTokenKeys(), now = now).keys,
        revoked = engine.listRevokedTokens(ListRevokedTokens("market"), now = now).tokens.map { it.token },
        merchant = merchant,
        limits = OfflineLimits(waiting = 100u, seconds = 86_400u),
    )

    /** Takes in what a till has taken, as often as it is told. */
    suspend fun settle(waiting: List<WaitingPayment>, now: Instant): SettledReceipts {
        val receipts = waiting.mapNotNull { it.proof }
        return engine.settleReceipts(SettleReceipts(receipts = receipts), key = waiting.last().digest, now = now)
    }

    suspend fun available(member: String, now: Instant): Money =
        engine.getBalance(GetBalance(member), now = now).assets.single().available

    suspend fun problems(): List<String> = engine.verify().problems
}

/** What happened on the market day. */
data class MarketDay(
    val taken: List<String>,
    val refused: List<String>,
    val settled: List<ReceiptOutcome>,
    val paid: List<Money>,
    val left: Map<String, Money>,
    val problems: List<String>,
)

/** A day at the market; the file of the till is in the folder. */
suspend fun marketDay(folder: Path, morning: Instant): MarketDay {
    val taken = mutableListOf<String>()
    val refused = mutableListOf<String>()
    suspend fun take(till: Till, shown: ShownToken) {
        try {
            taken += till.take(shown).member
        } catch (error: RewardsException) {
            refused += error.code
        }
    }

    // In the morning everybody has a network: value is reserved, and the till learns keys and revoked tokens.
    val issuer = Issuer.open(morning)
    val (ada, bob) = Phone("ada") to Phone("bob")
    for ((phone, token) in listOf(ada to "token-ada", bob to "token-bob")) {
        issuer.welcome(phone.member, money("60.00", "EUR"), morning)
        issuer.load(phone, token, money("40.00", "EUR"), morning)
    }
    val verifier = issuer.verifier("honey stall", morning)
    val file = folder.resolve("till.db").toString()

    // From here on nobody has one.
    val till = Till.open(file, verifier)
    val noon = morning + Duration.ofHours(3)
    val first = ada.pay("honey stall", money("12.50", "EUR"), "sale 1", noon)
    take(till, first)
    take(till, bob.pay("honey stall", money("20.00", "EUR"), "sale 2", noon))
    // A photograph of Ada's screen is worth nothing: the same sale is known, and another one is not signed for.
    take(till, first)
    take(till, first.copy(reference = "sale 3"))
    // More than a token pays at once is not signed by the wallet itself.
    try {
        bob.pay("honey stall", money("20.01", "EUR"), "sale 4", noon)
    } catch (error: RewardsException) {
        refused += error.code
    }

    // The till is switched off and on again. Its mark would be with the stall's server.
    val mark = till.mark()
    till.shutDown()
    val evening = morning + Duration.ofHours(9)
    val reopened = Till.open(file, verifier, mark)
    take(reopened, first.copy(now = evening))
    take(reopened, ada.pay("honey stall", money("7.50", "EUR"), "sale 5", evening))

    // In the evening the till tells what waits, once more than it would have to.
    val waiting = reopened.waiting()
    val settled = issuer.settle(waiting, evening)
    issuer.settle(waiting, evening)
    reopened.synced(waiting.map { it.digest }, evening)
    check(reopened.waiting().isEmpty()) { "everything is told" }
    reopened.shutDown()

    // What was not spent comes back by itself when the tokens are over and nobody can tell of a payment any more.
    val later = morning + Duration.ofDays(10)
    return MarketDay(
        taken = taken,
        refused = refused,
        settled = settled.receipts.map { it.outcome },
        paid = settled.receipts.mapNotNull { it.paid },
        left = listOf(ada, bob).associate { it.member to issuer.available(it.member, later) },
        problems = issuer.problems(),
    )
}
