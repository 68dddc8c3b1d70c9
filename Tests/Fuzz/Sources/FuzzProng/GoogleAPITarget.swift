// What is derived from a method's options and messages, and what that makes of a call's bytes: with
// hostile options on sound messages, with wholly hostile descriptors, and path templates alone.
import GoogleAPI
import Schema

/// One byte chooses; then pieces, each behind its length in two bytes, lowest first.
func fuzzGoogleAPI(_ bytes: [UInt8]) {
    guard let choice = bytes.first else { return }
    let pieces = pieces(bytes.dropFirst())
    guard pieces.count >= 2 else { return }
    switch choice % 3 {
    case 0: fuzzTemplate(pieces[0], pieces[1])
    case 1: fuzzPlans(set(options: pieces[0]), pieces[1])
    case _: fuzzPlans(pieces[0], pieces[1])
    }
}

/// What is captured stands in the value.
private func fuzzTemplate(_ template: [UInt8], _ value: [UInt8]) {
    guard let template = PathTemplate(String(decoding: template, as: UTF8.self)),
        let captured = template.capture(in: value), !captured.isEmpty
    else { return }
    let isThere = value.indices.contains { value[$0...].starts(with: captured) }
    precondition(isThere && !template.key.isEmpty, "it captures what is not there")
}

private func fuzzPlans(_ set: [UInt8], _ message: [UInt8]) {
    guard let schema = try? Schema(sets: [(label: "fuzz", bytes: set)]) else { return }
    for service in schema.services {
        for method in service.methods {
            if let plan = RoutingPlan(of: method, in: schema) { fuzzRouting(plan, message) }
            if let plan = PagePlan(method, schema) {
                precondition(schema.field(number: plan.items, of: method.output) != nil)
            }
            if let plan = OperationPlan(of: method, in: schema) { fuzzOperation(plan, message) }
        }
    }
}

/// A header is one line of plain text, of the plan's own names.
private func fuzzRouting(_ plan: RoutingPlan, _ message: [UInt8]) {
    guard let header = plan.header(for: message) else { return }
    precondition(header.utf8.allSatisfy { 0x20..<0x7F ~= $0 }, "not a header's value")
    precondition(header.split(separator: "&").allSatisfy { $0.contains("=") }, "no pairs")
    precondition(!plan.keys.isEmpty)
}

private func fuzzOperation(_ plan: OperationPlan, _ message: [UInt8]) {
    _ = plan.request(name: "n", of: plan.pollMethod)
    guard let reading = plan.read(message, request: message) else { return }
    precondition(reading.isDone || (reading.status == nil && reading.response.isEmpty))
    _ = OperationPlan.routing(name: reading.name)
}

/// `t.S/Do` with these options over messages with every kind of field that routing, pages and
/// operations look for.
private func set(options: [UInt8]) -> [UInt8] {
    let fields: [(String, UInt8, String)] = [
        ("name", 9, ""), ("parent", 9, ""), ("self", 11, ".t.M"), ("count", 3, ""), ("on", 8, ""),
        ("zigzag", 17, ""), ("fixed", 16, ""), ("page_token", 9, ""), ("page_size", 5, ""),
        ("next_page_token", 9, ""), ("status", 14, ".t.E"), ("self_link", 9, ""),
        ("project_id", 9, ""), ("zone", 9, ""), ("error", 11, ".t.M"),
    ]
    let message = made { message in
        message.text(1, "M")
        for (index, field) in fields.enumerated() {
            let bytes = made {
                $0.text(1, field.0)
                if !field.2.isEmpty { $0.text(6, field.2) }
            }
            // its number, label (optional) and type, all of which fit into a byte
            message.data(2, bytes + [0x18, UInt8(index + 1), 0x20, 1, 0x28, field.1])
        }
    }
    let states = made { states in
        states.text(1, "E")
        for (number, name) in ["RUNNING", "DONE"].enumerated() {
            states.data(2, made { $0.text(1, name) } + [0x10, UInt8(number)])
        }
    }
    let service = made { service in
        service.text(1, "S")
        for name in ["Do", "GetOperation", "CancelOperation"] {
            service.data(
                2,
                made {
                    $0.text(1, name)
                    $0.text(2, ".t.M")
                    $0.text(3, ".t.M")
                    if name == "Do" { $0.data(4, options) }
                })
        }
    }
    let file = made { file in
        file.text(1, "t.proto")
        file.text(2, "t")
        file.data(4, message)
        file.data(5, states)
        file.data(6, service)
        file.text(12, "proto3")
    }
    return made { $0.data(1, file) }
}

private func made(_ fill: (inout MessageWriter) -> Void) -> [UInt8] {
    var writer = MessageWriter()
    fill(&writer)
    return writer.bytes
}
