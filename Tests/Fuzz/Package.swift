// swift-tools-version: 6.2
// The fuzzing program: prong's modules that read bytes from outside, built with libFuzzer's
// instrumentation. A package of its own, because the instrumentation must not touch the others; its
// sources are links to theirs. Built and run by Packaging/fuzz.
import PackageDescription

let instrumented: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"]),
]

func nio(_ product: String) -> Target.Dependency {
    .product(name: product, package: "swift-nio")
}

let package = Package(
    name: "prong-fuzz",
    dependencies: [.package(url: "https://github.com/apple/swift-nio", from: "2.101.2")],
    targets: [
        .target(name: "CLinux"),
        .target(
            name: "CTOML",
            cxxSettings: [.unsafeFlags(["-std=c++17", "-fsanitize=fuzzer-no-link"])]),
        .systemLibrary(name: "CSystemd"),
        .systemLibrary(name: "CGRPC"),
        .target(
            name: "CTLS", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "Settings", swiftSettings: instrumented),
        .target(name: "WireFormat", swiftSettings: instrumented),
        .target(name: "Schema", swiftSettings: instrumented),
        .target(name: "JobLogic", swiftSettings: instrumented),
        .target(
            name: "Credentials", dependencies: ["GoogleAPI", "Schema"],
            swiftSettings: instrumented),
        .target(name: "GoogleAPI", dependencies: ["Schema"], swiftSettings: instrumented),
        .target(name: "ServerReflection", dependencies: ["Schema"], swiftSettings: instrumented),
        .target(name: "GRPCClient", dependencies: ["CGRPC"], swiftSettings: instrumented),
        .target(name: "Kernel", dependencies: ["CLinux"], swiftSettings: instrumented),
        .target(
            name: "Ops", dependencies: ["CSystemd", "Kernel", "WireFormat"],
            swiftSettings: instrumented),
        .target(
            name: "TokenExchange", dependencies: ["CTLS", "Credentials", "Settings", "Kernel"],
            swiftSettings: instrumented),
        .target(
            name: "TargetChannel", dependencies: ["GRPCClient", "Settings", "Kernel"],
            swiftSettings: instrumented),
        .target(
            name: "LoaderProcess",
            dependencies: [
                "CTOML", "Settings", "Schema", "GoogleAPI", "ServerReflection", "Credentials",
                "TokenExchange", "TargetChannel", "WireFormat", "GRPCClient", "Kernel", "Ops",
            ],
            swiftSettings: instrumented),
        .target(
            name: "HTTPServer",
            dependencies: ["CLinux", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1")],
            swiftSettings: instrumented),
        .executableTarget(
            name: "FuzzProng",
            dependencies: [
                "WireFormat", "Schema", "LoaderProcess", "HTTPServer", "JobLogic", "Settings",
                "Credentials", "ServerReflection", "GoogleAPI", nio("NIOCore"), nio("NIOPosix"),
                nio("NIOHTTP1"),
            ],
            swiftSettings: instrumented,
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ]
)
