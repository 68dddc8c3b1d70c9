// Which methods answer in pages, by the names and types of their fields: AIP-4233, as the generator
// of Google's Python clients reads it (gapic-generator, `Method.paged_result_field`). Only
// descriptors are looked at; following the pages needs the numbers found here and no descriptor.

package import Schema

package struct PagePlan: Equatable, Sendable {
    /// The number of `page_token` in the request.
    package let requestToken: UInt32
    /// The number of `next_page_token` in the response.
    package let responseToken: UInt32
    /// The number of the list in the response that iterators go through: its first one.
    package let items: UInt32

    /// Nothing: the method has no pages.
    package init?(_ method: MethodDescriptor, _ schema: Schema) {
        guard method.isUnary,
            let token = Self.text("page_token", of: method.input, schema),
            let next = Self.text("next_page_token", of: method.output, schema),
            ["page_size", "max_results"].contains(where: {
                Self.isPageSize(schema.field($0, of: method.input), schema)
            }),
            let items = schema.firstList(of: method.output)
        else { return nil }
        requestToken = token.number
        responseToken = next.number
        self.items = items.number
    }

    private static func text(
        _ name: String, of message: MessageHandle, _ schema: Schema
    ) -> FieldInfo? {
        schema.field(name, of: message).flatMap {
            $0.type == .string && !$0.isRepeated ? $0 : nil
        }
    }

    /// A whole number; or, as in older APIs, one in a wrapper message.
    private static func isPageSize(_ field: FieldInfo?, _ schema: Schema) -> Bool {
        guard let field, !field.isRepeated else { return false }
        switch field.type {
        case .int32, .int64, .uint32, .uint64, .sint32, .sint64, .fixed32, .fixed64, .sfixed32,
            .sfixed64:
            return true
        case .message:
            let name = field.message.map { schema.name(of: $0) }
            return name == "google.protobuf.Int32Value" || name == "google.protobuf.UInt32Value"
        case .double, .float, .bool, .string, .group, .bytes, .enumeration:
            return false
        }
    }
}
