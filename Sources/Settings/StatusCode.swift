// The sixteen gRPC status codes by name and number (grpc/grpc, doc/statuscodes.md). Pure table.

/// gRPC status codes as they are written in configuration files.
package enum StatusCode {
    package static let unavailable = 14

    /// Names by number; the index is the code.
    package static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    ]

    /// The code of a name in either case ("UNAVAILABLE", "unavailable"; both spellings of
    /// "cancelled"), or nil.
    package static func number(named name: String) -> Int? {
        let upper = name.uppercased()
        return names.firstIndex(of: upper == "CANCELED" ? "CANCELLED" : upper)
    }

    /// The name of a code, or nil for a number outside 0…16.
    package static func name(of number: Int) -> String? {
        names.indices.contains(number) ? names[number] : nil
    }
}
