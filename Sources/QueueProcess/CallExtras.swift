// What a generated client adds to a call beyond what its caller said, from the method's options
// alone: the routing header, the API's version, and who the client is. Never replaces an entry that
// the caller gave.

import GoogleAPI
import JobLogic
import Schema

struct CallExtras: Sendable {
    let routing: RoutingPlan?
    /// The service's google.api.api_version.
    let version: String?
    /// The service is one of an API with a generated client: it has a google.api.default_host.
    let isGoogle: Bool

    /// Nil: there is nothing to add. Of a service that is no API of Google's kind only an explicit
    /// google.api.routing counts: with google.api.http alone it is likely behind a gateway, whose
    /// backends know no such header.
    init?(_ method: MethodDescriptor, of service: ServiceDescriptor, _ schema: Schema) {
        isGoogle = service.defaultHost != nil
        version = isGoogle ? service.apiVersion : nil
        let isRouted = isGoogle || method.options.routing != nil
        routing = isRouted ? RoutingPlan(of: method, in: schema) : nil
        if routing == nil, !isGoogle { return nil }
    }

    func add(to dispatch: inout Dispatch) {
        dispatch.isGoogle = isGoogle
        if let routing, !dispatch.names(RoutingPlan.headerName),
            let value = routing.header(for: dispatch.requests.first ?? [])
        {
            dispatch.metadata.append(
                MetadataEntry(name: RoutingPlan.headerName, value: Array(value.utf8)))
        }
        if let version, !version.isEmpty, !dispatch.names(CallExtras.versionName) {
            dispatch.metadata.append(
                MetadataEntry(name: CallExtras.versionName, value: Array(version.utf8)))
        }
    }

    private static let versionName = "x-goog-api-version"
}

extension Dispatch {
    fileprivate func names(_ name: String) -> Bool { metadata.contains { $0.name == name } }
}

extension Catalog {
    /// Nil: there is nothing to add to any call.
    var adder: ((inout Dispatch) -> Void)? {
        hasExtras ? { addExtras(to: &$0) } : nil
    }

    /// - Parameter dispatch: a call of a method that may have gone away meanwhile: then it is left
    ///   as it is.
    func addExtras(to dispatch: inout Dispatch) {
        guard targets.indices.contains(dispatch.target) else { return }
        if let method = targets[dispatch.target].methods[dispatch.method] {
            method.plans.extras?.add(to: &dispatch)
        } else {
            // a poll of an operation, whose service need not be among the target's
            dispatch.isGoogle = dispatch.method.hasPrefix("google.longrunning.")
        }
    }
}
