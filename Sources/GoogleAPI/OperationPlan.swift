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
        /// A google.protobuf.Any that tells how far it is.
        package var progress: [UInt8] = []
    }

    /// Operations of an API's own: their fields by number.
    struct OwnKind: Equatable, Sendable {
        var typeName: String
        var name: UInt32
        var status: UInt32
        var done: UInt64
        var error: UInt32?
        /// Where it runs and how it is called, to complete a short name.
        var places: [UInt32]
        var selfLink: UInt32?
        var request: RequestPlaces
    }

    /// Fields of the request that begins an operation which say where it will be.
    struct RequestPlaces: Equatable, Sendable {
        var resources: [UInt32] = []
        var project: UInt32?
        var places: [UInt32] = []
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
        guard reading.isDone, reading.status == nil, let any = WireScan.bytes(5, of: raw) else {
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

extension OperationPlan.OwnKind {
    /// A message with `name`, and a `status` whose enum has DONE.
    init?(of method: MethodDescriptor, in schema: Schema) {
        let output = method.output
        guard let name = schema.field("name", of: output), name.type == .string,
            let status = schema.field("status", of: output), let values = status.enumeration,
            let done = schema.enumValue("DONE", of: values)
        else { return nil }
        typeName = method.outputName
        self.name = name.number
        self.status = status.number
        self.done = UInt64(bitPattern: Int64(done))
        error = schema.field("error", of: output).flatMap { field in
            field.message.map { schema.name(of: $0) } == "google.rpc.Status" ? field.number : nil
        }
        places = ["location", "zone"].compactMap { schema.field($0, of: output)?.number }
        selfLink = schema.field("self_link", of: output)?.number
        request = OperationPlan.RequestPlaces(
            resources: ["parent", "name"].compactMap {
                schema.field($0, of: method.input).flatMap { $0.type == .string ? $0.number : nil }
            },
            project: schema.field("project_id", of: method.input)?.number,
            places: ["location", "zone"].compactMap {
                schema.field($0, of: method.input).flatMap { $0.type == .string ? $0.number : nil }
            })
    }

    func read(
        _ raw: UnsafeRawBufferPointer, whole: [UInt8], request: [UInt8]?
    ) -> OperationPlan.Reading {
        var reading = OperationPlan.Reading()
        reading.isDone = WireScan.last(status, of: raw) == .varint(done)
        reading.name = fullName(WireScan.text(name, of: raw) ?? "", raw, request)
        reading.progress = any(whole)
        let status = error.flatMap { WireScan.bytes($0, of: raw) }
        if reading.isDone { reading.status = status.flatMap { $0.isEmpty ? nil : $0 } }
        reading.response = reading.isDone && reading.status == nil ? whole : []
        return reading
    }

    /// The whole operation as a google.protobuf.Any.
    private func any(_ whole: [UInt8]) -> [UInt8] {
        var writer = MessageWriter()
        writer.text(1, "type.googleapis.com/\(typeName)")
        writer.data(2, whole)
        return writer.bytes
    }

    /// `projects/P/locations/L/operations/NAME`, with P and L from the request, else from the link
    /// that the operation has of itself.
    private func fullName(
        _ short: String, _ raw: UnsafeRawBufferPointer, _ request: [UInt8]?
    ) -> String {
        guard !short.isEmpty, !short.contains("/") else { return short }
        let own = places.lazy.compactMap { WireScan.text($0, of: raw) }.first { !$0.isEmpty }
        let place = (request ?? []).withUnsafeBytes { self.place(in: $0) }
        if let project = place.project, let location = own ?? place.location {
            return "projects/\(project)/locations/\(location)/operations/\(short)"
        }
        let link = selfLink.flatMap { WireScan.text($0, of: raw) } ?? ""
        guard let start = link.range(of: "projects/") else { return short }
        return link[start...].split(separator: "/").map { $0 == "zones" ? "locations" : String($0) }
            .joined(separator: "/")
    }

    private func place(
        in request: UnsafeRawBufferPointer
    ) -> (project: String?, location: String?) {
        for field in self.request.resources {
            let parts = (WireScan.text(field, of: request) ?? "").split(separator: "/")
            guard parts.count >= 4, parts[0] == "projects",
                ["locations", "zones"].contains(parts[2])
            else { continue }
            return (String(parts[1]), String(parts[3]))
        }
        let project = self.request.project.flatMap { WireScan.text($0, of: request) }
        let location = self.request.places.lazy.compactMap { WireScan.text($0, of: request) }
            .first { !$0.isEmpty }
        return (project.flatMap { $0.isEmpty ? nil : $0 }, location)
    }
}

extension String {
    /// Where a piece begins.
    fileprivate func range(of piece: String) -> String.Index? {
        indices.first { self[$0...].hasPrefix(piece) }
    }
}
