import Foundation

/// JSON text cut into the texts of its parts, which stay as they are written: `10.0` must not become `10`.
struct RawJSON {
    let text: Substring

    init(_ text: some StringProtocol) {
        self.text = Substring(text)
    }

    /// The members of an object, by name.
    var members: [String: RawJSON] {
        var members: [String: RawJSON] = [:]
        for part in parts {
            let end = RawJSON.end(of: part, from: part.startIndex)
            let colon = part[end...].firstIndex(of: ":")!
            members[RawJSON(part[..<end]).string] = RawJSON(part[part.index(after: colon)...].trimmed)
        }
        return members
    }

    /// The items of a list.
    var items: [RawJSON] { parts.map { RawJSON($0) } }

    /// The text of a string.
    var string: String {
        let list = try? JSONSerialization.jsonObject(with: Data("[\(text)]".utf8)) as? [String]
        return list?.first ?? ""
    }

    /// What lies between the brackets and commas of this value.
    private var parts: [Substring] {
        var parts: [Substring] = []
        var start = text.index(after: text.startIndex)
        var at = start
        let last = text.index(before: text.endIndex)
        while at < last {
            if text[at] == "," {
                parts.append(text[start..<at].trimmed)
                at = text.index(after: at)
                start = at
            } else {
                at = RawJSON.end(of: text, from: at)
            }
        }
        let rest = text[start..<last].trimmed
        return rest.isEmpty ? parts : parts + [rest]
    }

    /// Where the string, list, object or other character that begins at a place ends.
    private static func end(of text: Substring, from start: String.Index) -> String.Index {
        var at = start
        var depth = 0
        var quoted = false
        repeat {
            switch text[at] {
            case "\\" where quoted: at = text.index(after: at)
            case "\"":
                quoted.toggle()
                depth += quoted ? 1 : -1
            case "{" where !quoted, "[" where !quoted: depth += 1
            case "}" where !quoted, "]" where !quoted: depth -= 1
            default: break
            }
            at = text.index(after: at)
        } while depth > 0
        return at
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var trimmed = self
        while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        return trimmed
    }
}
