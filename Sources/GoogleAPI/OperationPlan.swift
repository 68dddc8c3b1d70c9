// Which methods begin long-running operations, and how these are read and asked for: the ones of
// google.longrunning (google/longrunning/operations.proto, AIP-151), and operations of an API's own
// kind, as GKE has them. Derived from descriptors alone; looks at no more of a message than it
// needs.

package import Schema

/// A reference: a method, its rules and its description share it.
package final class OperationPlan: Sendable {
    /// What an operation's message says.
    package struct Reading: Equatable, Sendable {
        package var name = ""
        package var isDone = false
        /// A google.rpc.Status: how it ended, if not well.
        package var status: [UInt8]?
        /// The response of one that ended well.
        package var response: [UInt8] = []
        /// Not nil: the response's type is another than the method declares.
        package var foreignType: String?
        /// It is done, with neither a response nor an error: Google's clients fail then.
        package var lacksResult = false
        /// Not nil: it goes on, and for this reason nobody could ask for it again.
        package var lostReason: String?
        /// A google.protobuf.Any that tells how far it is.
        package var progress: [UInt8] = []
    }

    package let pollMethod: String
    /// Nil: such operations cannot be cancelled.
    package let cancelMethod: String?
    /// What a job's response is; nil: it is not known here.
    package let response: MessageHandle?
    private let responseName: String
    private let ownKind: OwnKind?
    /// The field `name` of the poll's request, and of the cancel's: GKE's are not the same.
    private let nameField: UInt32
    private let cancelNameField: UInt32

    private static let operationType = "google.longrunning.Operation"

    /// Nil: the method begins no operation that could be followed.
    package init?(of method: MethodDescriptor, in schema: Schema) {
        guard method.isUnary else { return nil }
        if method.outputName == Self.operationType {
            let full = Self.declaredResponse(of: method)
            pollMethod = "google.longrunning.Operations/GetOperation"
            cancelMethod = "google.longrunning.Operations/CancelOperation"
            responseName = full
            response = schema.message(named: full)
            ownKind = nil
            nameField = 1
            cancelNameField = 1
            return
        }
        guard method.name != "GetOperation",
            let poll = schema.method(service: method.service, name: "GetOperation"),
            poll.output == method.output, let name = schema.field("name", of: poll.input),
            let kind = OwnKind(of: method, in: schema)
        else { return nil }
        pollMethod = poll.fullName
        let cancel = schema.method(service: method.service, name: "CancelOperation")
        let cancelName = cancel.flatMap { schema.field("name", of: $0.input) }
        cancelMethod = cancelName == nil ? nil : cancel?.fullName
        responseName = method.outputName
        response = method.output
        ownKind = kind
        nameField = name.number
        cancelNameField = cancelName?.number ?? name.number
    }

    /// The full name of the type that the method's google.longrunning.operation_info tells, perhaps
    /// without its package; "": none.
    private static func declaredResponse(of method: MethodDescriptor) -> String {
        let declared = method.options.operationInfo?.responseType ?? ""
        guard !declared.isEmpty, !declared.contains("."),
            let dot = method.service.lastIndex(of: ".")
        else {
            return declared
        }
        return "\(method.service[..<dot]).\(declared)"
    }

    /// The bytes of a poll's or a cancel's request.
    /// - Parameter method: `pollMethod` or `cancelMethod`.
    package func request(name: String, of method: String) -> [UInt8] {
        var writer = MessageWriter()
        writer.text(method == cancelMethod ? cancelNameField : nameField, name)
        return writer.bytes
    }

    /// The routing header's value for it, as the generated clients send it with every poll.
    package static func routing(name: String) -> String {
        "name=\(PercentEncoding.routing.encode(name))"
    }

    // MARK: reading

    /// - Parameter request: of the call that began the operation; nil for polls, whose operation's
    ///   name is known.
    /// - Returns: nil: the bytes are no message.
    package func read(_ bytes: [UInt8], request: [UInt8]?) -> Reading? {
        bytes.withUnsafeBytes { raw in
            guard WireScan.eachField(of: raw, { _, _ in }) else { return nil }
            if let ownKind { return ownKind.read(raw, whole: bytes, request: request) }
            return readOperation(raw)
        }
    }

    /// `name` 1, `metadata` 2, `done` 3, `error` 4, `response` 5.
    private func readOperation(_ raw: UnsafeRawBufferPointer) -> Reading {
        var reading = Reading()
        reading.name = WireScan.text(1, of: raw) ?? ""
        reading.progress = WireScan.bytes(2, of: raw) ?? []
        reading.isDone = WireScan.last(3, of: raw) == .varint(1)
        reading.status = reading.isDone ? WireScan.bytes(4, of: raw) : nil
        guard reading.isDone, reading.status == nil else { return reading }
        guard let any = WireScan.bytes(5, of: raw) else {
            reading.lacksResult = true
            return reading
        }
        any.withUnsafeBytes { inner in
            let type = (WireScan.text(1, of: inner) ?? "").split(separator: "/").last ?? ""
            reading.response = WireScan.bytes(2, of: inner) ?? []
            if !responseName.isEmpty, type != responseName { reading.foreignType = String(type) }
        }
        return reading
    }
}
