// swift-tools-version: 6.2
// The list of targets is the architecture: read it from top to bottom. Each target's dependencies
// are the only modules it may import; Tests/TidyTests holds the import lines to this list.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// Settings for a target that names fault points: with the trait `FaultPoints` (tests) they are
/// compiled in, without it (the release) they do not exist.
let faulty: [SwiftSetting] =
    strict + [
        .define("FAULT_POINTS", .when(traits: ["FaultPoints"]))
    ]

func nio(_ product: String) -> Target.Dependency {
    .product(name: product, package: "swift-nio")
}

let package = Package(
    name: "prong",
    products: [
        .executable(name: "prongd", targets: ["prongd"]),
        .executable(name: "prong", targets: ["prong"]),
        .executable(name: "prong-example-server", targets: ["prong-example-server"]),
        // a library that tests preload into prongd
        .library(name: "prong-failing-sync", type: .dynamic, targets: ["CFailingSync"]),
    ],
    traits: [
        .trait(name: "FaultPoints", description: "named places where a test can make prongd fail")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        // C: thin shims, one owner each
        .target(name: "CFork"),
        .target(name: "CLinux"),
        .target(name: "CTOML", cxxSettings: [.unsafeFlags(["-std=c++17"])]),
        .target(
            name: "CTLS", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .systemLibrary(name: "CGRPC"),
        .systemLibrary(name: "CSQLite"),
        .systemLibrary(name: "CSystemd"),

        // pure: the standard library only; no clock, no randomness, no IO
        .target(name: "Settings", swiftSettings: strict),
        .target(name: "WireFormat", swiftSettings: strict),
        .target(name: "Schema", swiftSettings: strict),
        .target(name: "ServerReflection", dependencies: ["Schema"], swiftSettings: strict),
        .target(name: "JobLogic", swiftSettings: strict),
        .target(name: "PoolLogic", swiftSettings: strict),
        .target(name: "GoogleAPI", dependencies: ["Schema"], swiftSettings: strict),
        .target(name: "Credentials", dependencies: ["GoogleAPI", "Schema"], swiftSettings: strict),

        // libraries with IO
        .target(name: "Kernel", dependencies: ["CLinux"], swiftSettings: strict),
        .target(
            name: "Ops", dependencies: ["Kernel", "WireFormat"], swiftSettings: faulty),
        .target(name: "GRPCClient", dependencies: ["CGRPC"], swiftSettings: strict),
        .target(
            name: "TokenExchange", dependencies: ["CTLS", "Credentials", "Settings", "Kernel"],
            swiftSettings: strict),
        .target(
            name: "TargetChannel", dependencies: ["GRPCClient", "Settings", "Kernel"],
            swiftSettings: strict),
        .target(
            name: "JobStorage", dependencies: ["CSQLite", "JobLogic", "WireFormat"],
            swiftSettings: faulty),
        .target(
            name: "HTTPServer",
            dependencies: [
                "CLinux", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
            ],
            swiftSettings: strict),

        // one module per process role; they never import each other
        .target(
            name: "Supervisor",
            dependencies: ["CFork", "CSystemd", "PoolLogic", "WireFormat", "Kernel", "Ops"],
            swiftSettings: faulty),
        .target(
            name: "LoaderProcess",
            dependencies: [
                "CTOML", "Settings", "Schema", "GoogleAPI", "ServerReflection", "Credentials",
                "TokenExchange", "TargetChannel", "WireFormat", "GRPCClient", "Kernel", "Ops",
            ],
            swiftSettings: strict),
        .target(
            name: "QueueProcess",
            dependencies: [
                "Settings", "WireFormat", "Schema", "GoogleAPI", "JobLogic", "JobStorage",
                "HTTPServer", "Kernel", "Ops", nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: faulty),
        .target(
            name: "WorkerProcess",
            dependencies: [
                "Settings", "WireFormat", "GRPCClient", "Credentials", "TokenExchange",
                "TargetChannel", "Kernel", "Ops",
            ],
            swiftSettings: faulty),

        // programs
        .executableTarget(
            name: "prongd",
            dependencies: [
                "Supervisor", "LoaderProcess", "QueueProcess", "WorkerProcess", "Settings",
                "Kernel", "Ops",
            ],
            exclude: ["prongd.docc"],
            swiftSettings: strict),
        .executableTarget(
            name: "prong",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser")
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "prong-example-server", dependencies: ["GRPCClient"], exclude: ["example.proto"],
            swiftSettings: strict),

        // tests of one module: milliseconds
        .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: strict),
        .testTarget(
            name: "SettingsTests", dependencies: ["Settings", "WireFormat", "SeededRandom"],
            swiftSettings: strict),
        .testTarget(
            name: "WireFormatTests", dependencies: ["WireFormat", "SeededRandom"],
            swiftSettings: strict),
        .testTarget(
            name: "JobLogicTests", dependencies: ["JobLogic", "JobStorage", "SeededRandom"],
            swiftSettings: strict),
        .target(
            name: "DescriptorBytes", dependencies: ["Schema"], path: "Tests/DescriptorBytes",
            swiftSettings: strict),
        .testTarget(
            name: "SchemaTests", dependencies: ["Schema", "DescriptorBytes"],
            swiftSettings: strict),
        .testTarget(
            name: "GoogleAPITests", dependencies: ["GoogleAPI", "Schema", "DescriptorBytes"],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "CredentialsTests", dependencies: ["Credentials", "SeededRandom"],
            swiftSettings: strict),
        .testTarget(
            name: "TokenExchangeTests",
            dependencies: ["TokenExchange", "Credentials", "Settings"], swiftSettings: strict),
        .testTarget(
            name: "ServerReflectionTests", dependencies: ["ServerReflection", "Schema"],
            swiftSettings: strict),
        .testTarget(
            name: "PoolLogicTests", dependencies: ["PoolLogic", "SeededRandom"],
            swiftSettings: strict),
        .testTarget(name: "KernelTests", dependencies: ["Kernel"], swiftSettings: strict),
        .testTarget(name: "GRPCClientTests", dependencies: ["GRPCClient"], swiftSettings: strict),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: [
                "HTTPServer", "CLinux", "SeededRandom", nio("NIOCore"), nio("NIOPosix"),
                nio("NIOHTTP1"),
            ],
            swiftSettings: strict),
        .target(
            name: "CFaultDisk", path: "Tests/CFaultDisk",
            linkerSettings: [.linkedLibrary("sqlite3")]),
        .testTarget(
            name: "JobStorageTests",
            dependencies: [
                "JobStorage", "JobLogic", "CSQLite", "CFaultDisk", "SeededRandom",
                "job-storage-crash",
            ],
            exclude: ["Fixtures"], swiftSettings: strict),
        .testTarget(
            name: "LoaderTests",
            dependencies: [
                "LoaderProcess", "CTOML", "Settings", "Schema", "WireFormat", "Kernel", "Ops",
                "DescriptorBytes",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WorkerProcessTests",
            dependencies: [
                "WorkerProcess", "GRPCClient", "WireFormat", "Settings", "Kernel", "Ops",
                "SeededRandom",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "QueueProcessTests",
            dependencies: [
                "QueueProcess", "HTTPServer", "JobLogic", "JobStorage", "Schema", "WireFormat",
                "Kernel", "Ops", nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SupervisorTests", dependencies: ["WireFormat", "Ops", "supervisor-test-daemon"],
            swiftSettings: strict),
        .testTarget(name: "ClientTests", dependencies: ["prong"], swiftSettings: strict),

        // tests of the built programs: they import no product module
        .target(name: "CFailingSync", path: "Tests/CFailingSync"),
        .target(name: "DaemonHarness", path: "Tests/DaemonHarness", swiftSettings: strict),
        .testTarget(name: "DaemonTests", dependencies: ["DaemonHarness"], swiftSettings: strict),
        .testTarget(
            name: "TortureTests", dependencies: ["DaemonHarness", "SeededRandom"],
            swiftSettings: strict),
        .testTarget(name: "TidyTests", swiftSettings: strict),

        // programs that tests and benches start
        .executableTarget(
            name: "supervisor-test-daemon",
            dependencies: ["Supervisor", "Ops", "Kernel", "WireFormat"],
            path: "Tests/SupervisorTestDaemon", swiftSettings: strict),
        .executableTarget(
            name: "job-storage-crash", dependencies: ["JobStorage", "JobLogic"],
            path: "Tests/JobStorageCrash", swiftSettings: strict),
        .executableTarget(
            name: "job-storage-bench", dependencies: ["JobStorage", "JobLogic", "CSQLite"],
            path: "Tests/JobStorageBench", swiftSettings: strict),
        .executableTarget(
            name: "nio-echo", dependencies: [nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1")],
            path: "Tests/NIOEcho", swiftSettings: strict),
        .executableTarget(
            name: "schema-differential", dependencies: ["Schema"],
            path: "Tests/SchemaDifferential",
            exclude: ["differential.py", "disagreements.json", "comparison"],
            swiftSettings: strict),
    ]
)
