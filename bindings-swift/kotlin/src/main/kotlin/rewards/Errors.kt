package rewards

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

/** For invalid input: all problems found. */
public val RewardsException.problems: List<Problem>
    get() = when (this) {
        is RewardsException.Invalid -> problems
        is RewardsException.Rejected -> problems
        is RewardsException.Conflict -> problems
        is RewardsException.Unavailable -> problems
        is RewardsException.Internal -> problems
    }

/** An amount from its text: `money("12.30", "EUR")`. */
public fun money(amount: String, asset: Asset): Money = Money(amount.toBigDecimal(), asset)
