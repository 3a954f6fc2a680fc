import Foundation

/// Another process while it runs.
final class Running {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    init(_ command: String...) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    func write(_ line: String) {
        input.fileHandleForWriting.write(Data("\(line)\n".utf8))
    }

    /// What it has written since it was last read; waits for something.
    func read() -> String {
        String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }

    /// Says that there is no more to read, waits for a good end, and returns all that it wrote. A signal would not do: the
    /// threads of Swift's tasks block signals, and so do the processes that they start.
    func text() throws -> String {
        try input.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Unexpected(description: "\(process.arguments ?? []) failed: \(text)")
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A folder of its own, gone afterwards.
func inFolder(_ work: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rewards \(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await work(folder.path)
}

/// Lends a file system of 3 MiB and gives it back. It takes the right to mount one; without it the check fails, it is not
/// left out.
func onSmallDisk(_ work: (String) async throws -> Void) async throws {
    try await inFolder { folder in
        do {
            _ = try Running("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder).text()
        } catch {
            throw Unexpected(description: "this check needs the right to mount a file system: run it as root: \(error)")
        }
        defer { _ = try? Running("umount", "--lazy", folder).text() }
        try await work(folder)
    }
}
