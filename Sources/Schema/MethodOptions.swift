// The options of a method that callers of Google's and other APIs act on, as plain values.
// Sources: google/protobuf/descriptor.proto, google/api/{http,routing,client}.proto,
// google/longrunning/operations.proto.

/// descriptor.proto's MethodOptions.IdempotencyLevel.
package enum IdempotencyLevel: UInt8, Equatable, Sendable {
    case unknown = 0
    case noSideEffects = 1
    case idempotent = 2
}

/// One way to call a method over HTTP (google.api.HttpRule).
package struct HTTPBinding: Equatable, Sendable {
    /// "get", "put", "post", "delete", "patch", or the word of a custom rule.
    package var verb = ""
    package var path = ""
    package var body = ""
    package var responseBody = ""
}

/// google.api.http: the primary binding and the additional ones.
package struct HTTPRule: Equatable, Sendable {
    package var primary = HTTPBinding()
    package var additional: [HTTPBinding] = []
}

/// google.api.RoutingParameter.
package struct RoutingParameter: Equatable, Sendable {
    package var field = ""
    package var pathTemplate = ""
}

/// google.longrunning.OperationInfo; type names as written, perhaps without their package.
package struct OperationInfo: Equatable, Sendable {
    package var responseType = ""
    package var metadataType = ""
}

package struct MethodOptions: Equatable, Sendable {
    package var idempotency = IdempotencyLevel.unknown
    package var isDeprecated = false
    package var http: HTTPRule?
    /// Nil: no google.api.routing option. An empty list switches the implicit header off.
    package var routing: [RoutingParameter]?
    package var operationInfo: OperationInfo?
    package var signatures: [String] = []

    package init() {}
}
