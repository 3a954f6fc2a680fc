// swift-tools-version:5.9
import PackageDescription

// The sources under Sources/Rewards/Generated and what they link against are made by `make-package`.
#if os(Linux)
    let native: [Target] = [
        .systemLibrary(name: "RewardsFFI", path: "generated/ffi")
    ]
    let link: [LinkerSetting] = [.unsafeFlags(["-Lgenerated/lib"]), .linkedLibrary("rewards_mobile")]
#else
    let native: [Target] = [
        .binaryTarget(name: "RewardsFFI", path: "generated/Rewards.xcframework")
    ]
    let link: [LinkerSetting] = []
#endif

let package = Package(
    name: "Rewards",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Rewards", targets: ["Rewards"])],
    targets: native + [
        .target(name: "Rewards", dependencies: ["RewardsFFI"], path: "Sources/Rewards", linkerSettings: link),
        .executableTarget(name: "Checks", dependencies: ["Rewards"], path: "Checks"),
    ]
)
