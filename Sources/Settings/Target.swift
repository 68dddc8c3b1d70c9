// The settings of one target: a gRPC service somewhere, how to reach it and how to treat its calls.
// Values only: the loader has resolved paths, read the service config and checked every relation.

extension Settings {
    /// `[targets.NAME]`.
    package struct Target: Equatable, Sendable {
        /// NAME: letters, digits, `_`, `-` and `.`, at most 64 bytes.
        package var name: String
        /// `address`: a gRPC target, "host:port" or a URI that the C-core resolves.
        package var address = ""
        /// `descriptors`: FileDescriptorSet files; absolute after the loader.
        package var descriptorPaths: [String] = []
        /// `services`: full names of the services offered; empty: all in the descriptors.
        package var services: [String] = []
        /// `credentials`: how the connection is secured.
        package var credentials = Credentials.tls
        /// `ca`: PEM file of trusted roots, absolute after the loader; "" is the system's roots.
        package var caPath = ""
        /// `cert`: PEM file of the client's certificate chain; "" is none.
        package var certificatePath = ""
        /// `key`: PEM file of the client's private key; given exactly when `cert` is.
        package var keyPath = ""
        /// `authority`: the name expected of the server, sent as `:authority`; "": the address.
        package var authority = ""
        /// `scopes`: what the token is for; empty: the API's own (`defaultScopes`).
        package var scopes: [String] = []
        /// `quota_project`: who is billed, as `x-goog-user-project`; "": as the environment or the
        /// credential file says.
        package var quotaProject = ""
        /// `universe_domain`: "" is the environment's, or Google's own.
        package var universeDomain = ""
        /// `impersonate`: the service account to act as; "" is none.
        package var impersonate = ""
        /// The scopes that the offered services declare; empty where they declare none.
        package var defaultScopes: [String] = []
        /// The host that the offered services declare, without a port; "" where they declare none
        /// or several.
        package var defaultHost = ""
        /// `timeout`: for methods that the service config does not name; nil: `[defaults]` decide.
        package var timeoutMilliseconds: Int64?
        /// `service_config`: gRPC service config file, absolute after the loader; "" is none.
        package var serviceConfigPath = ""
        /// What the service config says of methods, in the file's order.
        package var methodPolicies: [MethodPolicy] = []
        /// What of the service config concerns the channel, as JSON for C-core; "" is nothing.
        /// Retry policies and timeouts are never in it: those are prong's.
        package var channelServiceConfig = ""
        /// `metadata`: sent with every call; lower-case names, sorted.
        package var metadata: [MetadataEntry] = []
        /// `idempotent`: patterns of full method names ("package.Service/Method", `*` is any text)
        /// that are safe to repeat, beyond what the descriptors say.
        package var idempotent: [String] = []
        /// `on_unknown`: what becomes of a job whose unsafe call may have happened.
        package var onUnknown = OnUnknown.keep
        /// `max_in_flight`: calls at once, over all workers; 0: no limit.
        package var maxInFlight = 0

        /// `operation_timeout`: how long a job follows its long-running operation.
        package var operationTimeoutMilliseconds: Int64 = 86_400_000
        /// `cancel_operation`: cancelling a waiting job also cancels its operation.
        package var cancelsOperation = false

        package init(name: String) {
            self.name = name
        }
    }

    /// What becomes of a job that ended `unknown`.
    package enum OnUnknown: UInt8, CaseIterable, Sendable {
        /// It stays `unknown` until somebody decides.
        case keep
        /// It is `failed`.
        case fail
        /// It is queued again, at the risk that the call happens twice.
        case retry
    }

    /// One name and value sent with every call.
    package struct MetadataEntry: Equatable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// One entry of a service config's `methodConfig`.
    package struct MethodPolicy: Equatable, Sendable {
        /// The methods it is for.
        package var names: [MethodName]
        /// `timeout`, nil where the file gives none.
        package var timeoutMilliseconds: Int64?
        /// `retryPolicy`, nil where the file gives none. One that is present makes the method safe
        /// to repeat.
        package var retry: MethodRetry?

        package init(
            names: [MethodName], timeoutMilliseconds: Int64? = nil, retry: MethodRetry? = nil
        ) {
            self.names = names
            self.timeoutMilliseconds = timeoutMilliseconds
            self.retry = retry
        }
    }

    /// A service config's `name`: a method, all of a service (method ""), or all (both "").
    package struct MethodName: Equatable, Sendable {
        package var service: String
        package var method: String

        package init(service: String, method: String) {
            self.service = service
            self.method = method
        }
    }

    /// A service config's `retryPolicy`.
    package struct MethodRetry: Equatable, Sendable {
        /// `maxAttempts`; nil where the file gives none (published configs often do not): then the
        /// attempts of `[defaults]` count.
        package var attempts: Int?
        package var initialMilliseconds: Int64
        package var maxMilliseconds: Int64
        package var multiplier: Double
        /// gRPC status codes, ascending.
        package var codes: [Int]

        package init(
            attempts: Int?, initialMilliseconds: Int64, maxMilliseconds: Int64, multiplier: Double,
            codes: [Int]
        ) {
            self.attempts = attempts
            self.initialMilliseconds = initialMilliseconds
            self.maxMilliseconds = maxMilliseconds
            self.multiplier = multiplier
            self.codes = codes
        }

        /// The whole policy, with the attempts of `fallback` where the file gives none.
        package func filled(from fallback: RetrySettings) -> RetrySettings {
            RetrySettings(
                attempts: attempts ?? fallback.attempts, initialMilliseconds: initialMilliseconds,
                maxMilliseconds: maxMilliseconds, multiplier: multiplier, codes: codes)
        }
    }
}

extension Settings.Target {
    /// The service config's entry for a method: the method's own, else its service's, else the
    /// entry for all (gRPC service config, `MethodConfig.name`).
    package func methodPolicy(service: String, method: String) -> Settings.MethodPolicy? {
        let wanted = [(service, method), (service, ""), ("", "")]
        for (service, method) in wanted {
            let name = Settings.MethodName(service: service, method: method)
            if let found = methodPolicies.first(where: { $0.names.contains(name) }) {
                return found
            }
        }
        return nil
    }

    /// Whether `idempotent` names this method ("package.Service/Method").
    package func isDeclaredIdempotent(method: String) -> Bool {
        idempotent.contains { GlobPattern.matches(pattern: $0, text: method) }
    }
}
