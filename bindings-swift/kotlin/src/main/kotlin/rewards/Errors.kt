package rewards

import java.text.DecimalFormatSymbols
import java.util.Locale
import rewards.engine.OfflineProgram
import rewards.engine.Till
import rewards.engine.readLocalMoney
import rewards.engine.readMoney

/** Stable code of the error, whichever its kind; programs look at it. */
public val RewardsException.code: String
    get() = when (this) {
        is RewardsException.Invalid -> code
        is RewardsException.Rejected -> code
        is RewardsException.Conflict -> code
        is RewardsException.Unavailable -> code
        is RewardsException.Internal -> code
    }

/** What is wrong, in words. */
public val RewardsException.detail: String
    get() = when (this) {
        is RewardsException.Invalid -> detail
        is RewardsException.Rejected -> detail
        is RewardsException.Conflict -> detail
        is RewardsException.Unavailable -> detail
        is RewardsException.Internal -> detail
    }

/** The values involved, by name. */
public val RewardsException.context: Map<String, String>
    get() = when (this) {
        is RewardsException.Invalid -> context
        is RewardsException.Rejected -> context
        is RewardsException.Conflict -> context
        is RewardsException.Unavailable -> context
        is RewardsException.Internal -> context
    }

/** For invalid input: all problems found. */
public val RewardsException.problems: List<Problem>
    get() = when (this) {
        is RewardsException.Invalid -> problems
        is RewardsException.Rejected -> problems
        is RewardsException.Conflict -> problems
        is RewardsException.Unavailable -> problems
        is RewardsException.Internal -> problems
    }

/** An amount from its text: `money("12.30", "EUR")`. It is read whole or refused. */
@Throws(RewardsException::class)
public fun money(amount: String, asset: Asset): Money = readMoney(amount, asset)

/** An amount as people of a locale write it: `money("1.234,50", "EUR", Locale.GERMANY)`. */
@Throws(RewardsException::class)
public fun money(amount: String, asset: Asset, locale: Locale): Money {
    val marks = DecimalFormatSymbols.getInstance(locale)
    return readLocalMoney(amount, asset, marks.decimalSeparator.toString(), marks.groupingSeparator.toString())
}

/** A value that cannot cross, told before anything is called: the only error that has a cause. Amended sources throw it. */
internal fun unlowered(code: String, detail: String, cause: Exception = IllegalArgumentException(detail)): RewardsException {
    val error = RewardsException.Invalid("invalid", detail, mapOf(), listOf(Problem(code, "", detail)))
    return error.apply { initCause(cause) }
}

/** Whether an error says that nothing was called. */
internal fun isUnlowered(error: RewardsException): Boolean = error.cause != null

/** A call of an object that the app has let go of. */
internal fun closed(of: Any): RewardsException = when (of) {
    is OfflineProgram -> RewardsException.Unavailable("program_closed", "the program was closed", mapOf(), listOf())
    is Till -> RewardsException.Internal("store_refused", "the till is closed", mapOf(), listOf())
    else -> RewardsException.Unavailable("engine_closed", "the engine was closed", mapOf(), listOf())
}
