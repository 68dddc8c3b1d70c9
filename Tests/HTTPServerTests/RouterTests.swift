// The table of routes.

import Testing

@testable import HTTPServer

@Suite struct RouterTests {
    private func table() -> Router {
        var router = Router()
        router.on(.get, "/healthz", reserved: true) { _ in }
        router.on(.get, "/v1/jobs") { _ in }
        router.on(.post, "/v1/jobs") { _ in }
        router.on(.get, "/v1/jobs/{id}") { _ in }
        router.on(.delete, "/v1/jobs/{id}") { _ in }
        router.on(.get, "/v1/jobs/{id}/response") { _ in }
        router.on(.get, "/v1/jobs/special/{part}") { _ in }
        router.on(.post, "/v1/jobs:retry") { _ in }
        router.on(.get, "/v1/describe/{name...}") { _ in }
        router.on(.post, "/grpc.health.v1.Health/Check") { _ in }
        router.onCall { _ in }
        return router
    }

    private func found(_ method: HTTPServer.Method, _ path: String) -> String {
        switch table().find(method, path: path) {
        case .match(let match): ([match.template] + match.parameters).joined(separator: " ")
        case .otherMethods(let allow): "405 " + allow
        case .noSuchPath: "404"
        case .brokenEncoding: "400"
        }
    }

    @Test(
        arguments: [
            (.get, "/healthz", "/healthz"),
            (.head, "/healthz", "/healthz"),
            (.get, "/v1/jobs", "/v1/jobs"),
            (.get, "/v1/jobs/7", "/v1/jobs/{id} 7"),
            (.get, "/v1/jobs/a%2Fb", "/v1/jobs/{id} a/b"),
            (.get, "/v1/jobs/7/response", "/v1/jobs/{id}/response 7"),
            (.get, "/v1/jobs/special/x", "/v1/jobs/special/{part} x"),
            (.get, "/v1/jobs/special/response", "/v1/jobs/special/{part} response"),
            (.get, "/v1/jobs/special", "/v1/jobs/{id} special"),
            (.post, "/v1/jobs:retry", "/v1/jobs:retry"),
            (.post, "/v1/jobs%3Aretry", "/v1/jobs:retry"),
            (.get, "/v1/describe/a.B/C", "/v1/describe/{name...} a.B/C"),
            (.post, "/a.b.S/M", "/{service}/{method} a.b.S M"),
            (.post, "/S/M", "/{service}/{method} S M"),
            (.post, "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Check"),
            (
                .post, "/grpc.health.v1.Health/Watch",
                "/{service}/{method} grpc.health.v1.Health Watch"
            ),
        ] as [(HTTPServer.Method, String, String)])
    func `a path finds its route and its parameters`(
        _ method: HTTPServer.Method, _ path: String, _ expected: String
    ) {
        #expect(found(method, path) == expected)
    }

    @Test(
        arguments: [
            (.post, "/v1/nothing", "404"), (.get, "/", "404"), (.get, "/v1/jobs/", "404"),
            (.get, "/v1/describe/", "404"), (.post, "/a.S/", "404"), (.post, "//M", "404"),
            (.post, "/a/b/c", "404"), (.get, "*", "404"), (.get, "/healthz/", "404"),
            (.delete, "/healthz", "405 GET, HEAD, OPTIONS"),
            (.put, "/v1/jobs/7", "405 GET, HEAD, DELETE, OPTIONS"),
            (.get, "/a.S/M", "405 POST, OPTIONS"), (.get, "/v1/jobs/%zz", "400"),
            (.other("PURGE"), "/v1/jobs:retry", "405 POST, OPTIONS"),
        ] as [(HTTPServer.Method, String, String)])
    func `what has no route is said to be so`(
        _ method: HTTPServer.Method, _ path: String, _ expected: String
    ) {
        #expect(found(method, path) == expected)
    }

    @Test func `a parameter is asked for by its name`() {
        guard case .match(let match) = table().find(.post, path: "/a.S/M") else {
            Issue.record("no match")
            return
        }
        #expect(match["service"] == "a.S")
        #expect(match["method"] == "M")
    }
}
