// Where Google's clients would call: cases after google-api-core's own rules.

import Testing

@testable import GoogleAPI

@Suite struct EndpointTests {
    @Test func `the default host gets its port and moves with the universe`() throws {
        var request = EndpointRequest(defaultHost: "translate.googleapis.com")
        #expect(try Endpoint.address(request) == "translate.googleapis.com:443")
        request.environmentUniverse = "env.example"
        #expect(try Endpoint.address(request) == "translate.env.example:443")
        request.universeDomain = "abc.example"
        #expect(try Endpoint.address(request) == "translate.abc.example:443")
        request = EndpointRequest(defaultHost: "own.example.org:8443")
        request.universeDomain = "abc.example"
        #expect(try Endpoint.address(request) == "own.example.org:8443")
    }

    @Test(arguments: [
        (nil, false, "iam.googleapis.com:443"), (nil, true, "iam.mtls.googleapis.com:443"),
        ("auto", true, "iam.mtls.googleapis.com:443"),
        ("always", false, "iam.mtls.googleapis.com:443"),
        ("never", true, "iam.googleapis.com:443"), ("ALWAYS", false, "iam.mtls.googleapis.com:443"),
    ])
    func `a client certificate and the environment choose the mTLS host`(
        word: String?, hasCertificate: Bool, address: String
    ) throws {
        var request = EndpointRequest(defaultHost: "iam.googleapis.com")
        request.useMTLSEndpoint = word
        request.hasClientCertificate = hasCertificate
        #expect(try Endpoint.address(request) == address)
    }

    @Test func `a word that is none, and mTLS elsewhere, are refused`() {
        var request = EndpointRequest(defaultHost: "iam.googleapis.com")
        request.useMTLSEndpoint = "maybe"
        #expect(throws: EndpointError.unknownWord("maybe")) { try Endpoint.address(request) }
        request.useMTLSEndpoint = "always"
        request.universeDomain = "abc.example"
        #expect(throws: EndpointError.noMTLSInUniverse("abc.example")) {
            try Endpoint.address(request)
        }
    }

    @Test func `hosts that have no mTLS form stay as they are`() {
        #expect(Endpoint.mutual("foo.googleapis.com") == "foo.mtls.googleapis.com")
        #expect(Endpoint.mutual("foo.sandbox.googleapis.com") == "foo.mtls.sandbox.googleapis.com")
        #expect(Endpoint.mutual("foo.mtls.googleapis.com") == "foo.mtls.googleapis.com")
        #expect(Endpoint.mutual("foo.example.com") == "foo.example.com")
    }
}
