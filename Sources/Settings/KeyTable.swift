// Every key of the configuration file, in the order in which it is printed. To add a setting: a
// property with its default in Settings, a line here, a line in Config/prong.toml.

enum KeyTable {
    /// No timeout is longer than a week: such a one is meant as "none", which prong does not have.
    static let weekMilliseconds: Int64 = 7 * 86_400_000
    /// Times that jobs are kept or wait for: up to ten years.
    static let tenYearsMilliseconds: Int64 = 3_650 * 86_400_000
    /// Messages are held whole in memory, several at a time.
    static let messageBytesMax: Int64 = 64 << 20
    /// More processes than the largest machines have cores; the supervisor's header holds no more.
    static let workersMax: Int64 = 512
    /// The tags in flight on one completion queue stay in the hundreds, which the C-core likes.
    static let inFlightMax: Int64 = 4_096
    /// A worker builds a client for each target.
    static let targetsMax = 256
    static let targetNameBytesMax = 64

    private static let anyDuration: KeyKind = .duration(0...tenYearsMilliseconds)
    private static let anySize: KeyKind = .size(0...(1 << 50))

    static let root: [Key<Settings>] = [.integer("workers", 1...workersMax, \.workers)]

    static let listen: [Key<Settings.Listen>] = [
        .text("socket", .socketPath, \.socketPath),
        .mode("mode", \.socketMode),
        .text("group", .group, \.group),
        .text("http", .tcpAddress, \.httpAddress),
        .size("max_request", 1_024...messageBytesMax, \.maxRequestBytes),
        .size("max_response", 1_024...messageBytesMax, \.maxResponseBytes),
        .integer("max_connections", 32...1_000_000, \.maxConnections),
        .later("max_queued_per_user", .integer(0...1_000_000_000), .integer(0)),
        .duration("head_timeout", 100...3_600_000, \.headTimeoutMilliseconds),
    ]

    static let store: [Key<Settings.Store>] = [
        .text("path", .absolutePath, \.path),
        .later("keep_succeeded", anyDuration, .integer(3_600_000)),
        .later("keep_failed", anyDuration, .integer(30 * 86_400_000)),
        .later("keep_keys", anyDuration, .integer(7 * 86_400_000)),
        .later("max_size", anySize, .integer(10 << 30)),
        .integer("max_queued", 1...1_000_000_000, \.maxQueued),
    ]

    static let worker: [Key<Settings.Worker>] = [
        .integer("in_flight", 1...inFlightMax, \.inFlight),
        .later("retire_after_jobs", .integer(0...1_000_000_000_000), .integer(0)),
        .later("retire_after", anyDuration, .integer(0)),
        .later("retire_above", anySize, .integer(0)),
        .duration("spawn_timeout", 100...3_600_000, \.spawnTimeoutMilliseconds),
        .duration("stuck_timeout", 1_000...3_600_000, \.stuckTimeoutMilliseconds),
        .duration("drain_timeout", 0...weekMilliseconds, \.drainTimeoutMilliseconds),
        .later("crash_limit", .integer(1...1_000), .integer(3)),
    ]

    static let defaults: [Key<Settings.Defaults>] = [
        .duration("timeout", 1...weekMilliseconds, \.timeoutMilliseconds),
        .retry("call_retry", \.callRetry),
        .retry("job_retry", \.jobRetry),
    ]

    static let access: [Key<Settings.Access>] = [
        .later("operate", .texts(.principal), .texts([]))
    ]

    static let log: [Key<Settings.Log>] = [
        .choice(
            "level",
            [
                ("debug", .debug), ("info", .info), ("notice", .notice), ("warning", .warning),
                ("error", .error),
            ], \.level),
        .choice(
            "format", [("auto", .automatic), ("text", .text), ("json", .json)],
            later: ["journal"], \.format),
        .duration("slow_call", 0...weekMilliseconds, \.slowCallMilliseconds),
    ]

    static let target: [Key<Settings.Target>] =
        targetPlace + targetSecurity + targetCalls + targetLimits

    private static let targetPlace: [Key<Settings.Target>] = [
        .text("address", .targetAddress, \.address),
        .texts("descriptors", .path, \.descriptorPaths),
        .later("reflection", .boolean, .boolean(false)),
        .texts("services", .serviceName, \.services),
    ]

    private static let targetSecurity: [Key<Settings.Target>] = [
        .text("credentials", .credentials, \.credentialsText),
        .text("ca", .path, \.caPath),
        .text("cert", .path, \.certificatePath),
        .text("key", .path, \.keyPath),
        .text("authority", .authority, \.authority),
        .texts("scopes", .scope, \.scopes),
        .text("quota_project", .project, \.quotaProject),
        .text("universe_domain", .domain, \.universeDomain),
        .text("impersonate", .account, \.impersonate),
    ]

    private static let targetCalls: [Key<Settings.Target>] = [
        .optionalDuration("timeout", 0...weekMilliseconds, \.timeoutMilliseconds),
        .text("service_config", .path, \.serviceConfigPath),
        .metadata("metadata", \.metadata),
        .texts("idempotent", .methodPattern, \.idempotent),
        .choice(
            "on_unknown", [("keep", .keep), ("fail", .fail), ("retry", .retry)], \.onUnknown),
        .duration(
            "operation_timeout", 1_000...tenYearsMilliseconds, \.operationTimeoutMilliseconds),
    ]

    private static let targetLimits: [Key<Settings.Target>] = [
        .integer("max_in_flight", 0...1_000_000, \.maxInFlight),
        .later("rate", .text(.rate), .text("")),
        .later("burst", .integer(0...1_000_000_000), .integer(0)),
        .later("rates", .rates, .pairs([])),
        .later("weight", .integer(1...1_000), .integer(1)),
        .later("retry_budget", .real(0...1), .real(0.1)),
        .flag("cancel_operation", \.cancelsOperation),
        .later("allow", .texts(.principal), .texts([])),
    ]
}
