// Operations of an API's own kind, as GKE has them: a message with a name and a status, and often a
// short name, which the place where the operation runs makes whole. Takes no field for granted
// beyond those two, and never guesses a place.

import Schema

extension OperationPlan {
    /// Fields by number.
    struct OwnKind: Equatable, Sendable {
        var typeName: String
        var name: UInt32
        var status: UInt32
        var done: UInt64
        var error: UInt32?
        var place: PlaceFields
        var request: PlaceFields
    }

    /// Fields which say where an operation is: of the operation itself, or of the request that
    /// begins it.
    struct PlaceFields: Equatable, Sendable {
        /// `projects/P/locations/L/…`, or a URL that ends so.
        var resources: [UInt32]
        var project: UInt32?
        var locations: [UInt32]

        var isEmpty: Bool { resources.isEmpty && project == nil && locations.isEmpty }
    }

    struct Place: Equatable, Sendable {
        var project: String?
        var location: String?
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
        place = OperationPlan.PlaceFields(["self_link"], of: output, in: schema)
        request = OperationPlan.PlaceFields(["parent", "name"], of: method.input, in: schema)
    }

    func read(
        _ raw: UnsafeRawBufferPointer, whole: [UInt8], request: [UInt8]?
    ) -> OperationPlan.Reading {
        var reading = OperationPlan.Reading()
        reading.isDone = WireScan.last(status, of: raw) == .varint(done)
        reading.name = WireScan.text(name, of: raw) ?? ""
        reading.progress = any(whole)
        let status = error.flatMap { WireScan.bytes($0, of: raw) }
        if reading.isDone { reading.status = status.flatMap { $0.isEmpty ? nil : $0 } }
        reading.response = reading.isDone && reading.status == nil ? whole : []
        if let request { complete(&reading, raw, request) }
        return reading
    }

    /// The whole operation as a google.protobuf.Any.
    private func any(_ whole: [UInt8]) -> [UInt8] {
        var writer = MessageWriter()
        writer.text(1, "type.googleapis.com/\(typeName)")
        writer.data(2, whole)
        return writer.bytes
    }

    // MARK: names

    /// Makes a short name `projects/P/locations/L/operations/NAME`. The request's place counts
    /// first, because the operation is kept where it was asked for, also where a zone of that place
    /// does the work; then the link that the operation has of itself; its zone last.
    private func complete(
        _ reading: inout OperationPlan.Reading, _ raw: UnsafeRawBufferPointer, _ request: [UInt8]
    ) {
        guard !reading.name.isEmpty, !reading.name.contains("/") else { return }
        let asked = request.withUnsafeBytes { self.request.place(in: $0) }
        let own = place.place(in: raw)
        let missing = [
            asked.project ?? own.project == nil ? "project" : nil,
            asked.location ?? own.location == nil ? "location" : nil,
        ].compactMap { $0 }
        if let project = asked.project ?? own.project,
            let location = asked.location ?? own.location
        {
            reading.name = "projects/\(project)/locations/\(location)/operations/\(reading.name)"
        } else if !reading.isDone, !place.isEmpty {
            // an operation that has no place is called by its short name
            reading.lostReason = Self.unnamed(reading.name, missing: missing)
        }
    }

    private static func unnamed(_ short: String, missing: [String]) -> String {
        "the operation \(short) was begun and may still go on, but prong cannot ask for it: neither"
            + " the request nor the answer tells its \(missing.joined(separator: " and its "));"
            + " look for it at the target, and name both in the request, as"
            + " projects/PROJECT/locations/LOCATION"
    }
}

extension OperationPlan.PlaceFields {
    /// - Parameter resources: the names of fields with resource names, the one that counts first.
    init(_ resources: [String], of message: MessageHandle, in schema: Schema) {
        func texts(_ names: [String]) -> [UInt32] {
            names.compactMap { name in
                schema.field(name, of: message).flatMap {
                    $0.type == .string && !$0.isRepeated ? $0.number : nil
                }
            }
        }
        self.resources = texts(resources)
        project = texts(["project_id"]).first
        locations = texts(["location", "zone"])
    }

    /// Resource names first: the other fields are their deprecated forerunners.
    func place(in message: UnsafeRawBufferPointer) -> OperationPlan.Place {
        var place = OperationPlan.Place()
        for field in resources {
            let named = OperationPlan.Place(in: WireScan.text(field, of: message) ?? "")
            place.project = place.project ?? named.project
            place.location = place.location ?? named.location
        }
        place.project = place.project ?? Self.first([project].compactMap { $0 }, message)
        place.location = place.location ?? Self.first(locations, message)
        return place
    }

    private static func first(
        _ fields: [UInt32], _ message: UnsafeRawBufferPointer
    ) -> String? {
        fields.lazy.compactMap { WireScan.text($0, of: message) }.first { !$0.isEmpty }
    }
}

extension OperationPlan.Place {
    /// What `projects/P`, `projects/P/locations/L` or `…/zones/Z` tells, wherever it begins.
    init(in resource: String) {
        let parts = resource.split(separator: "/", omittingEmptySubsequences: false)
        guard let start = parts.firstIndex(of: "projects") else { return }
        let rest = parts[(start + 1)...]
        project = rest.first.flatMap { $0.isEmpty ? nil : String($0) }
        guard let kind = rest.dropFirst().first, kind == "locations" || kind == "zones" else {
            return
        }
        location = rest.dropFirst(2).first.flatMap { $0.isEmpty ? nil : String($0) }
    }
}
