import Foundation
import Rewards

private let now = Date(timeIntervalSince1970: 1_777_636_800)

private func record(_ number: Int) throws -> RecordPurchase {
    RecordPurchase(
        purchase: Purchase(
            id: "order-\(number)", member: "alice", program: "club", occurredAt: now, total: try money("80.00", "EUR")))
}

private func made(_ file: String) async throws -> RewardsEngine {
    let engine = try await RewardsEngine.openFile(path: file)
    _ = try await engine.publishProgram(request: PublishProgram(program: club), key: "club, first edition", now: now)
    _ = try await engine.registerMember(request: RegisterMember(member: "alice"), now: now)
    return engine
}

private func says(_ words: String, _ error: RewardsError, line: Int = #line) throws {
    let text = error.detail + error.problems.map(\.detail).joined()
    if !text.contains(words) {
        throw Unexpected(description: "line \(line): expected `\(words)` in `\(text)`")
    }
}

func wrongAddresses() async throws {
    for (url, words) in [
        ("", "expected `memory:` or `sqlite:///file.db` (an absolute path after four slashes), got text without a scheme"),
        ("books.db", "got text without a scheme"),
        ("mysql://me:secret@host/books", "expected `memory:` or `sqlite:///file.db` (an absolute path after four slashes), got scheme `mysql`"),
        ("postgresql://me:secret@host/books", "got scheme `postgresql`, which this build was made without"),
        ("memory:books", "got more after `memory:`"),
        ("sqlite://books.db", "`sqlite:////absolute/file.db` or `sqlite::memory:`, got two slashes"),
        ("sqlite:///?mode=ro", "expected the path of a file with `mode`, got none"),
        ("sqlite:///books.db?moed=ro", "expected only the parameters `mode`"),
    ] {
        let error = try await refused("Invalid", "invalid", "url_invalid") { _ = try await RewardsEngine.open(url: url) }
        try expect(error.problems.map(\.path), ["url"])
        try says(words, error)
        try expect("\(error)".contains("secret"), false)
    }
    let error = try await refused("Invalid", "invalid", "url_invalid") { _ = try await RewardsEngine.openFile(path: "") }
    try expect(error.problems.map(\.path), ["path"])
}

/// Files that cannot be opened say what to look at.
func wrongFiles() async throws {
    try await inFolder { folder in
        let missing = try await refused("Internal", "folder_missing") {
            _ = try await RewardsEngine.openFile(path: "\(folder)/no/such/a.db")
        }
        try says("there is no folder", missing)
        let text = String(repeating: "no database at all, but long enough to have a header\n", count: 20)
        try text.write(toFile: "\(folder)/text.db", atomically: true, encoding: .utf8)
        let error = try await refused("Internal", "store_corrupt") {
            _ = try await RewardsEngine.openFile(path: "\(folder)/text.db")
        }
        try says("not a database; check that the address is that of a store", error)
    }
}

func readOnlyFile() async throws {
    try await onSmallDisk { folder in
        let file = "\(folder)/books.db"
        try await made(file).shutDown()
        // Permissions mean nothing to the superuser, a disk that takes no writes does.
        _ = try Running("mount", "-o", "remount,ro", folder).text()
        let error = try await refused("Internal", "store_read_only") { _ = try await RewardsEngine.openFile(path: file) }
        try says("that this process may write to the file and to its folder", error)
        _ = try Running("mount", "-o", "remount,rw", folder).text()
        let url = "sqlite:///\(file.replacingOccurrences(of: " ", with: "%20"))?mode=ro"
        let engine = try await RewardsEngine.open(url: url)
        let sent = try await refused("Internal", "store_read_only") {
            _ = try await engine.recordPurchase(request: record(1), now: now)
        }
        try says("readonly database; make the file writable and open it again", sent)
        try expect(try await engine.getBalance(request: GetBalance(member: "alice"), now: now).assets, [])
        try await engine.shutDown()
    }
}

/// A full disk is told and survived.
func fullDisk() async throws {
    try await onSmallDisk { folder in
        let engine = try await made("\(folder)/books.db")
        _ = try await engine.recordPurchase(request: record(1), now: now)
        let ballast = "\(folder)/ballast"
        do {
            _ = try Running("dd", "if=/dev/zero", "of=\(ballast)", "bs=4096").text()
            throw Unexpected(description: "the disk took everything")
        } catch let error as Unexpected where error.description.contains("No space left") {}
        var done = 1
        do {
            while done < 10_000 {
                _ = try await engine.recordPurchase(request: record(done + 1), now: now)
                done += 1
            }
            throw Unexpected(description: "the disk never was full")
        } catch let error as RewardsError {
            try expect(error.code, "disk_full")
            guard case .Unavailable = error else { throw Unexpected(description: "\(error)") }
        }
        try FileManager.default.removeItem(atPath: ballast)
        // What was not done can be done now, and what was done is not done twice.
        for number in 1...done + 1 {
            try expect(try await engine.recordPurchaseReceipt(request: record(number), now: now).replayed, number <= done)
        }
        try expect(try await engine.verify().problems, [])
        try await engine.shutDown()
    }
}

/// A copy to look at, while the engine works on.
func backups() async throws {
    try await inFolder { folder in
        let engine = try await made("\(folder)/books.db")
        _ = try await engine.recordPurchase(request: record(1), now: now)
        try await engine.backup(path: "\(folder)/copy.db")
        _ = try await engine.recordPurchase(request: record(2), now: now)
        let taken = try await refused("Rejected", "file_exists") { try await engine.backup(path: "\(folder)/copy.db") }
        try says("is there", taken)
        try await engine.shutDown()
        let copy = try await RewardsEngine.openFile(path: "\(folder)/copy.db")
        try expect(try await copy.verify().problems, [])
        try expect(try await copy.recordPurchaseReceipt(request: record(1), now: now).replayed, true)
        try expect(try await copy.recordPurchaseReceipt(request: record(2), now: now).replayed, false)
        try await copy.shutDown()
        let memory = try await RewardsEngine.open(url: "memory:")
        _ = try await refused("Rejected", "backup_unsupported") { try await memory.backup(path: "\(folder)/memory.db") }
        try await memory.shutDown()
    }
}

/// Events that nobody sends can be removed, and need not be kept.
func eventsOfAPhone() async throws {
    try await inFolder { folder in
        let file = "\(folder)/books.db"
        let engine = try await made(file)
        try expect(try await engine.health().outboxWaiting, 2)
        try expect(try await engine.discardEvents(), 2)
        try await engine.shutDown()
        let silent = try await RewardsEngine.openFile(path: file, keepEvents: false)
        _ = try await silent.recordPurchase(request: record(1), now: now)
        try expect(try await silent.health().outboxWaiting, 0)
        try await silent.shutDown()
    }
}

func newerSchema() async throws {
    try await inFolder { folder in
        let file = "\(folder)/books.db"
        try await made(file).shutDown()
        let migration = """
            insert into _sqlx_migrations (version, description, success, checksum, execution_time)
            values (99, 'from the future', 1, x'00', 0)
            """
        _ = try Running("sqlite3", file, migration).text()
        let error = try await refused("Internal", "schema_too_new") { _ = try await RewardsEngine.openFile(path: file) }
        try says("schema version 99 is newer than the newest known version 1: update the library", error)
    }
}

/// What the second process does: records 60 purchases, and prints how many were done before by somebody else.
func recordAll(_ file: String) async throws {
    let engine = try await RewardsEngine.openFile(path: file)
    var replayed = 0
    for number in 1...60 {
        let receipt = try await engine.recordPurchaseReceipt(request: record(number), now: now)
        replayed += receipt.replayed ? 1 : 0
    }
    try await engine.shutDown()
    print(replayed)
}

func twoProcesses() async throws {
    try await inFolder { folder in
        let file = "\(folder)/books.db"
        try await made(file).shutDown()
        let both = try (1...2).map { _ in try Running(CommandLine.arguments[0], "record", file) }
        // Both sent all of them: each took effect for one and was replayed for the other.
        try expect(try both.compactMap { Int(try $0.text()) }.reduce(0, +), 60)
        let engine = try await RewardsEngine.openFile(path: file)
        let balance = try await engine.getBalance(request: GetBalance(member: "alice"), now: now)
        try expect(balance.assets.map(\.available), [money("240.00", "EUR")])
        try expect(try await engine.verify().problems, [])
        try await engine.shutDown()
    }
}

/// Another process that holds the file is told.
func heldFile() async throws {
    try await inFolder { folder in
        let file = "\(folder)/books.db"
        let engine = try await made(file)
        let other = try Running("sqlite3", file)
        other.write("begin immediate;")
        other.write(".system echo held")
        try expect(other.read(), "held\n")
        let opened = try await refused("Unavailable", "store_unavailable") {
            _ = try await RewardsEngine.openFile(path: file)
        }
        try says("another process holds the database: open it again", opened)
        let sent = try await refused("Unavailable", "store_unavailable") {
            _ = try await engine.recordPurchase(request: record(1), now: now)
        }
        try says("another process holds the database: send the command again with the same key", sent)
        // Reading waits for nobody.
        try expect(try await engine.getBalance(request: GetBalance(member: "alice"), now: now).assets, [])
        _ = try other.text()
        try expect(try await engine.recordPurchaseReceipt(request: record(1), now: now).replayed, false)
        try await engine.shutDown()
    }
}

/// An app says how long it waits.
func timeouts() async throws {
    try await inFolder { folder in
        let file = "\(folder)/books.db"
        try await made(file).shutDown()
        let engine = try await RewardsEngine.openFile(path: file, timeoutMilliseconds: 300)
        let other = try Running("sqlite3", file)
        other.write("begin immediate;")
        other.write(".system echo held")
        try expect(other.read(), "held\n")
        let begun = Date()
        try await refused("Unavailable", "store_unavailable") {
            _ = try await RewardsEngine.openFile(path: file, timeoutMilliseconds: 300)
        }
        try await refused("Unavailable", "store_unavailable") {
            _ = try await engine.recordPurchase(request: record(1), now: now)
        }
        // When nothing is said, opening alone takes longer.
        try expect(Date().timeIntervalSince(begun) < 1.9, true)
        _ = try other.text()
        try await engine.shutDown()
    }
    for wrong: UInt64 in [0, 99, 3_600_001, .max] {
        let error = try await refused("Invalid", "invalid", "value_invalid") {
            _ = try await RewardsEngine.open(url: "memory:", timeoutMilliseconds: wrong)
        }
        try expect(error.problems.map(\.path), ["timeout_milliseconds"])
    }
}
