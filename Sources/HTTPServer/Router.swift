// Which handler answers a path. A table, filled once at start, then only read.
//
//   /healthz                      literal segments
//   /v1/jobs/{id}/response        a parameter: one segment, decoded, never empty
//   /v1/jobs:retry                a custom verb is part of its literal segment
//   /v1/describe/{name...}        the rest of the path, at least one segment, slashes included
//   /{service}/{method}           a call, when nothing in the table has the path (`onCall`)
//
// Literals win over parameters. A path that the table has under other methods is 405 with `Allow`;
// HEAD is answered by GET's handler, without the body.

/// The table: a tree of segments, kept in one array.
package struct Router {
    package typealias Handler = (Exchange) -> Void

    private struct Node {
        var literals: [(segment: String, node: Int)] = []
        var parameter: Int?
        /// Routes that end in `{name...}` here.
        var rest: [Route] = []
        /// Routes that end here.
        var routes: [Route] = []
    }

    private var nodes = [Node()]
    private var callRoute: Route?
    private(set) var routes: [Route] = []

    package init() {}

    /// Adds a route. `reserved` routes are also served on the connections that are kept back when
    /// the limit is reached (health paths). Two routes of one method and template, or a malformed
    /// template, are our own mistake and trap.
    package mutating func on(
        _ method: Method, _ template: String, reserved: Bool = false,
        handle: @escaping Handler
    ) {
        precondition(template.utf8.first == UInt8(ascii: "/"), "a template starts with a slash")
        let segments = template.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var names: [String] = []
        var node = 0
        var takesRest = false
        for segment in segments {
            precondition(!takesRest, "{name...} must be the last segment of \(template)")
            if segment.hasPrefix("{") {
                precondition(segment.hasSuffix("}"), "a parameter is a whole segment: \(template)")
                takesRest = segment.hasSuffix("...}")
                names.append(String(segment.dropFirst().dropLast(takesRest ? 4 : 1)))
                if !takesRest { node = parameterChild(of: node) }
            } else {
                node = literalChild(of: node, String(segment))
            }
        }
        let route = Route(method, template, names, reserved: reserved, handle)
        add(route, to: node, takesRest: takesRest)
    }

    /// `POST /{service}/{method}` for every path of two segments that no route has, and whose first
    /// segment holds a dot or is no route's first segment. Parameters: `service`, `method`.
    package mutating func onCall(handle: @escaping Handler) {
        precondition(callRoute == nil, "the table has a route for calls already")
        let route = Route(
            .post, "/{service}/{method}", ["service", "method"], reserved: false, handle)
        callRoute = route
        routes.append(route)
    }

    private mutating func add(_ route: Route, to node: Int, takesRest: Bool) {
        let present = takesRest ? nodes[node].rest : nodes[node].routes
        precondition(
            !present.contains { $0.method == route.method },
            "\(route.method.name) \(route.template) is in the table already")
        if takesRest {
            nodes[node].rest.append(route)
        } else {
            nodes[node].routes.append(route)
        }
        routes.append(route)
    }

    private mutating func parameterChild(of node: Int) -> Int {
        if let child = nodes[node].parameter { return child }
        nodes.append(Node())
        nodes[node].parameter = nodes.count - 1
        return nodes.count - 1
    }

    private mutating func literalChild(of node: Int, _ segment: String) -> Int {
        if let child = nodes[node].literals.first(where: { $0.segment == segment }) {
            return child.node
        }
        nodes.append(Node())
        nodes[node].literals.append((segment, nodes.count - 1))
        return nodes.count - 1
    }
}

extension Router {
    /// What the table says of a method and a path.
    enum Answer {
        case match(RouteMatch)
        /// The path is there, the method is not: the methods that are, for `Allow`.
        case otherMethods(allow: String)
        case noSuchPath
        case brokenEncoding(segment: String)
    }

    func find(_ method: Method, path: String) -> Answer {
        guard path.utf8.first == UInt8(ascii: "/") else { return .noSuchPath }
        var segments: [Substring] = []
        segments.reserveCapacity(4)
        for raw in path.utf8.dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        {
            let segment = Substring(raw)
            if segment.utf8.contains(UInt8(ascii: "%")) {
                guard let decoded = percentDecoded(segment, plusIsSpace: false) else {
                    return .brokenEncoding(segment: String(segment))
                }
                segments.append(decoded[...])
            } else {
                segments.append(segment)
            }
        }
        var parameters: [String] = []
        if let found = walk(0, segments[...], &parameters) {
            return choose(method, among: found, parameters)
        }
        return call(method, segments)
    }

    /// The routes at the end of the path, literals first; nil when it leads nowhere.
    private func walk(
        _ node: Int, _ segments: ArraySlice<Substring>, _ parameters: inout [String]
    ) -> [Route]? {
        let here = nodes[node]
        guard let segment = segments.first else { return here.routes.isEmpty ? nil : here.routes }
        let depth = parameters.count
        for literal in here.literals where literal.segment == segment {
            if let found = walk(literal.node, segments.dropFirst(), &parameters) { return found }
            parameters.removeSubrange(depth...)
        }
        if let child = here.parameter, !segment.isEmpty {
            parameters.append(String(segment))
            if let found = walk(child, segments.dropFirst(), &parameters) { return found }
            parameters.removeSubrange(depth...)
        }
        guard !here.rest.isEmpty, !segment.isEmpty else { return nil }
        parameters.append(segments.joined(separator: "/"))
        return here.rest
    }

    private func choose(_ method: Method, among found: [Route], _ parameters: [String]) -> Answer {
        let wanted: Method = method == .head ? .get : method
        if let route = found.first(where: { $0.method == wanted || $0.method == method }) {
            return .match(RouteMatch(route: route, parameters: parameters))
        }
        return .otherMethods(allow: allow(found))
    }

    private func call(_ method: Method, _ segments: [Substring]) -> Answer {
        guard let callRoute, segments.count == 2, !segments[0].isEmpty, !segments[1].isEmpty else {
            return .noSuchPath
        }
        let isReserved =
            !segments[0].utf8.contains(UInt8(ascii: "."))
            && nodes[0].literals.contains { $0.segment == segments[0] }
        if isReserved { return .noSuchPath }
        guard method == .post else { return .otherMethods(allow: allow([callRoute])) }
        let parameters = [String(segments[0]), String(segments[1])]
        return .match(RouteMatch(route: callRoute, parameters: parameters))
    }

    private func allow(_ routes: [Route]) -> String {
        var names: [String] = []
        for route in routes {
            names.append(route.method.name)
            if route.method == .get { names.append("HEAD") }
        }
        return (names + ["OPTIONS"]).joined(separator: ", ")
    }
}

/// One row of the table, with its counts.
final class Route {
    let method: Method
    let template: String
    let names: [String]
    let isReserved: Bool
    let handle: Router.Handler
    /// Responses ended, by gRPC number (0: ok).
    private(set) var counts = [UInt64](repeating: 0, count: ConnectCode.allCases.count + 1)

    init(
        _ method: Method, _ template: String, _ names: [String], reserved: Bool,
        _ handle: @escaping Router.Handler
    ) {
        self.method = method
        self.template = template
        self.names = names
        isReserved = reserved
        self.handle = handle
    }

    func count(_ code: ConnectCode?) { counts[code?.grpcNumber ?? 0] += 1 }
}

/// The route that a request took.
package struct RouteMatch {
    let route: Route
    /// The decoded parameters in the template's order.
    package let parameters: [String]

    /// The template as it was added: the label for metrics. `/{service}/{method}` for calls, empty
    /// for a request that had no route.
    package var template: String { route.template }

    /// A parameter by its name in the template; asking for one that the template lacks traps.
    package subscript(_ name: String) -> String {
        guard let index = route.names.firstIndex(of: name) else {
            preconditionFailure("\(route.template) has no parameter \(name)")
        }
        return parameters[index]
    }
}
