// example.proto once more, as the descriptor set that prong reads. The two are kept alike by hand:
// whoever changes one changes the other.

enum Descriptors {
    static let service = "prong.example.v1.Example"

    /// A serialized FileDescriptorSet with its imports in front.
    static func fileDescriptorSet() -> [UInt8] {
        var writer = WireWriter()
        for file in [duration, timestamp, example] {
            writer.message(1) { file.write(to: &$0) }
        }
        return writer.bytes
    }

    private static var duration: FileDescription { wellKnown("duration", "Duration") }
    private static var timestamp: FileDescription { wellKnown("timestamp", "Timestamp") }

    private static func wellKnown(_ file: String, _ name: String) -> FileDescription {
        FileDescription(
            name: "google/protobuf/\(file).proto", package: "google.protobuf",
            messages: [
                MessageDescription(
                    name: name,
                    fields: [
                        FieldDescription(1, "seconds", .int64),
                        FieldDescription(2, "nanos", .int32),
                    ])
            ])
    }

    private static var example: FileDescription {
        FileDescription(
            name: "prong/example/v1/example.proto", package: "prong.example.v1",
            imports: ["google/protobuf/duration.proto", "google/protobuf/timestamp.proto"],
            messages: [
                MessageDescription(
                    name: "EchoRequest",
                    fields: echoFields + [FieldDescription(15, "report", .bool)]),
                MessageDescription(name: "EchoResponse", fields: echoFields + reportFields),
                delayRequest, failRequest, cutRequest, countRequest, countResponse,
                collectResponse, expandRequest, listRequest, listResponse,
            ],
            enums: [
                EnumDescription(
                    name: "Mood", values: ["MOOD_UNSPECIFIED", "MOOD_CALM", "MOOD_BUSY"])
            ],
            services: [(name: "Example", methods: methods)])
    }

    private static let timestampKind = FieldKind.message(".google.protobuf.Timestamp")

    private static var echoFields: [FieldDescription] {
        [
            FieldDescription(1, "text", .string),
            FieldDescription(2, "payload", .bytes),
            FieldDescription(3, "key", .string),
            FieldDescription(4, "labels", .string, .map),
            FieldDescription(5, "mood", .enumeration(".prong.example.v1.Mood")),
            FieldDescription(6, "numbers", .int64, .repeated),
            FieldDescription(7, "ratio", .double),
            FieldDescription(8, "at", timestampKind),
            FieldDescription(9, "name", .string, .oneof("subject")),
            FieldDescription(10, "number", .int32, .oneof("subject")),
        ]
    }

    private static var reportFields: [FieldDescription] {
        [
            FieldDescription(11, "received_at", timestampKind),
            FieldDescription(12, "peer", .string),
            FieldDescription(13, "metadata", .string, .map),
            FieldDescription(14, "count", .uint64),
            FieldDescription(16, "pid", .int32),
        ]
    }

    private static var delayRequest: MessageDescription {
        MessageDescription(
            name: "DelayRequest",
            fields: [
                FieldDescription(1, "milliseconds", .uint32),
                FieldDescription(2, "text", .string),
                FieldDescription(3, "key", .string),
            ])
    }

    private static var failRequest: MessageDescription {
        MessageDescription(
            name: "FailRequest",
            fields: [
                FieldDescription(1, "code", .int32),
                FieldDescription(2, "message", .string),
                FieldDescription(3, "key", .string),
                FieldDescription(4, "fail_first", .uint32),
                FieldDescription(5, "retry_delay", .message(".google.protobuf.Duration")),
                FieldDescription(6, "pushback_milliseconds", .int64, .optional),
                FieldDescription(7, "reason", .string),
                FieldDescription(8, "details", .bytes),
            ])
    }

    private static var cutRequest: MessageDescription {
        MessageDescription(
            name: "CutRequest",
            enums: [
                EnumDescription(name: "When", values: ["AFTER_WORK", "BEFORE_WORK", "IN_RESPONSE"])
            ],
            fields: [
                FieldDescription(
                    1, "when", .enumeration(".prong.example.v1.CutRequest.When")),
                FieldDescription(3, "key", .string),
                FieldDescription(4, "cut_first", .uint32),
            ])
    }

    private static var countRequest: MessageDescription {
        MessageDescription(
            name: "CountRequest", fields: [FieldDescription(1, "keys", .string, .repeated)])
    }

    private static var countResponse: MessageDescription {
        MessageDescription(
            name: "CountResponse",
            fields: [
                FieldDescription(1, "counts", .uint64, .map),
                FieldDescription(2, "total", .uint64),
            ])
    }

    private static var collectResponse: MessageDescription {
        MessageDescription(
            name: "CollectResponse",
            fields: [
                FieldDescription(1, "messages", .uint64),
                FieldDescription(2, "bytes", .uint64),
                FieldDescription(3, "texts", .string, .repeated),
            ])
    }

    private static var expandRequest: MessageDescription {
        MessageDescription(
            name: "ExpandRequest",
            fields: [
                FieldDescription(1, "text", .string),
                FieldDescription(2, "times", .uint32),
                FieldDescription(3, "key", .string),
                FieldDescription(4, "interval_milliseconds", .uint32),
                FieldDescription(5, "code", .int32),
                FieldDescription(6, "fail_first", .uint32),
                FieldDescription(7, "trailer", .string),
                FieldDescription(8, "header", .string),
                FieldDescription(9, "wait_milliseconds", .uint32),
            ])
    }

    private static var listRequest: MessageDescription {
        MessageDescription(
            name: "ListRequest",
            fields: [
                FieldDescription(1, "page_size", .int32),
                FieldDescription(2, "page_token", .string),
                FieldDescription(3, "key", .string),
                FieldDescription(4, "total", .uint32),
                FieldDescription(5, "repeats", .bool),
                FieldDescription(6, "item_bytes", .uint32),
                FieldDescription(7, "delay_milliseconds", .uint32),
                FieldDescription(8, "fail_at", .uint32),
            ])
    }

    private static var listResponse: MessageDescription {
        MessageDescription(
            name: "ListResponse",
            fields: [
                FieldDescription(1, "items", .string, .repeated),
                FieldDescription(2, "next_page_token", .string),
                FieldDescription(3, "total_size", .uint32),
            ])
    }

    private static var methods: [MethodDescription] {
        func unary(
            _ name: String, _ input: String,
            _ idempotency: MethodDescription.Idempotency = .unknown,
            output: String = "EchoResponse"
        ) -> MethodDescription {
            MethodDescription(name: name, input: input, output: output, idempotency: idempotency)
        }
        return [
            unary("Echo", "EchoRequest"),
            unary("EchoSafe", "EchoRequest", .noSideEffects),
            unary("Delay", "DelayRequest"),
            unary("DelaySafe", "DelayRequest", .idempotent),
            unary("Fail", "FailRequest"),
            unary("FailSafe", "FailRequest", .idempotent),
            unary("Cut", "CutRequest"),
            unary("CutSafe", "CutRequest", .idempotent),
            unary("Count", "CountRequest", .noSideEffects, output: "CountResponse"),
            unary("List", "ListRequest", .noSideEffects, output: "ListResponse"),
            unary("ListUnsafe", "ListRequest", output: "ListResponse"),
            MethodDescription(
                name: "Collect", input: "EchoRequest", output: "CollectResponse",
                clientStreams: true),
            MethodDescription(
                name: "Expand", input: "ExpandRequest", output: "EchoResponse",
                serverStreams: true),
            MethodDescription(
                name: "Chat", input: "EchoRequest", output: "EchoResponse", clientStreams: true,
                serverStreams: true),
        ]
    }
}
