import Foundation
import Rewards

private let start = Date(timeIntervalSince1970: 1_777_636_800)

/// A clock that the user of the phone can set.
private final class SetClock: HostClock, @unchecked Sendable {
    private let lock = NSLock()
    private var told = start

    func now() -> Date { lock.withLock { told } }
    func set(_ at: Date) { lock.withLock { told = at } }
}

/// By a clock that jumped ahead nothing is decided until its time is accepted.
func clocksAhead() async throws {
    try await inFolder { folder in
        let clock = SetClock()
        func open() async throws -> RewardsEngine {
            try await RewardsEngine.openFile(path: "\(folder)/books.db", clock: clock, clockJumpSecondsMax: 86_400)
        }
        let before = try await open()
        _ = try await before.registerMember(request: RegisterMember(member: "alice"))
        let welcome = GrantReward(
            member: "alice", amount: try money("5.00", "EUR"), reason: "welcome", expiresAt: start.addingTimeInterval(3_600))
        _ = try await before.grantReward(request: welcome, key: "welcome")
        try await before.shutDown()

        let ahead = start.addingTimeInterval(172_800)
        clock.set(ahead)
        let engine = try await open()
        let error = try await refused("Unavailable", "clock_ahead") {
            _ = try await engine.registerMember(request: RegisterMember(member: "bob"))
        }
        try expect(error.context["seconds"], "172800")
        try await refused("Unavailable", "clock_ahead") {
            _ = try await engine.settleMember(request: SettleMember(member: "alice"), key: "s")
        }
        let believed = try await engine.getBalance(request: GetBalance(member: "alice"))
        try expect(believed.at, start)
        try expect(believed.assets.map(\.available), [try money("5.00", "EUR")])

        try await engine.acceptTime(at: ahead)
        try expect(try await engine.registerMember(request: RegisterMember(member: "bob")).member, "bob")
        let accepted = try await engine.getBalance(request: GetBalance(member: "alice"))
        try expect(accepted.at, ahead)
        try expect(accepted.assets.map(\.available), [try money("0.00", "EUR")])
        try await engine.shutDown()
        try await refused("Unavailable", "engine_closed") { try await engine.acceptTime(at: ahead) }
    }
}

/// A clock that is behind what was recorded is told, and not the request blamed.
func clocksBehind() async throws {
    try await inFolder { folder in
        let (clock, later) = (SetClock(), start.addingTimeInterval(3_600))
        clock.set(later)
        let early = try await RewardsEngine.openFile(path: "\(folder)/books.db", clock: clock)
        _ = try await early.registerMember(request: RegisterMember(member: "alice"))
        try await early.shutDown()

        clock.set(start)
        let late = try await RewardsEngine.openFile(path: "\(folder)/books.db", clock: clock)
        let error = try await refused("Unavailable", "clock_behind") {
            _ = try await late.settleMember(request: SettleMember(member: "alice"), key: "s")
        }
        try expect(error.context["seconds"], "3600")
        clock.set(later)
        _ = try await late.settleMember(request: SettleMember(member: "alice"), key: "s")
        try await late.shutDown()
    }
}
