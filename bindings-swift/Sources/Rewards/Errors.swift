import Foundation

extension RewardsError {
    /// Stable code of the error, whichever its kind; programs look at it.
    public var code: String { parts.code }

    /// What is wrong, in words.
    public var detail: String { parts.detail }

    /// The values involved, by name.
    public var context: [String: String] { parts.context }

    /// For invalid input: all problems found.
    public var problems: [Problem] { parts.problems }

    private var parts: (code: String, detail: String, context: [String: String], problems: [Problem]) {
        switch self {
        case let .Invalid(code, detail, context, problems),
            let .Rejected(code, detail, context, problems),
            let .Conflict(code, detail, context, problems),
            let .Unavailable(code, detail, context, problems),
            let .Internal(code, detail, context, problems):
            return (code, detail, context, problems)
        }
    }
}

/// An amount from its text: `try money("12.30", "EUR")`. It is read whole or refused; a float is no amount and is not taken.
public func money(_ amount: String, _ asset: Asset) throws -> Money {
    try readMoney(amount: amount, asset: asset)
}

/// An amount as people of a locale write it: `try money("1.234,50", "EUR", Locale(identifier: "de_DE"))`.
public func money(_ amount: String, _ asset: Asset, _ locale: Locale) throws -> Money {
    try readLocalMoney(
        amount: amount, asset: asset, decimalMark: locale.decimalSeparator ?? ".",
        groupingMark: locale.groupingSeparator ?? "")
}
