// A target that names no address is called where its API's own descriptors say.

import LoaderProcess
import Settings
import Testing
import WireFormat

@Suite struct DefaultAddressTests {
    private let folder = ScratchFolder()

    private func request(
        _ lines: String, host: String?, _ environment: [String: String] = [:]
    ) -> LoadRequest {
        folder.write(
            "t.binpb", host.map { smallDescriptorSet(host: $0, scopes: "") } ?? smallDescriptorSet()
        )
        let configuration = folder.configuration(
            """
            [targets.t]
            descriptors = ["t.binpb"]
            \(lines)
            """)
        return loadRequest(configuration, environment)
    }

    private func refusal(_ request: LoadRequest) -> String {
        loadFailure(request)?.lines.joined(separator: "\n") ?? ""
    }

    @Test func `the API's own host is where a target is that names none`() throws {
        let plain = try load(request("", host: "x.googleapis.com"))
        #expect(plain.settings.targets[0].address == "x.googleapis.com:443")
        let forced = try load(
            request("", host: "x.googleapis.com", ["GOOGLE_API_USE_MTLS_ENDPOINT": "always"]))
        #expect(forced.settings.targets[0].address == "x.mtls.googleapis.com:443")
        let own = try load(request("address = \"127.0.0.1:1\"", host: "x.googleapis.com"))
        #expect(own.settings.targets[0].address == "127.0.0.1:1")
    }

    @Test func `descriptors that name no host, and a word that is none, are faults`() {
        #expect(refusal(request("", host: nil)).contains("targets.t.address: a target needs"))
        let word = request("", host: "x.googleapis.com", ["GOOGLE_API_USE_MTLS_ENDPOINT": "no"])
        #expect(refusal(word).contains("GOOGLE_API_USE_MTLS_ENDPOINT"))
    }

    @Test func `descriptors beyond a limit are not to be made anew, broken ones are`() {
        let package = [0x12, 0xD0, 0x0F] + [UInt8](repeating: 0x61, count: 2000)
        let file = [0x0A, 7] + Array("a.proto".utf8) + package
        folder.write("long.binpb", [0x0A, 0xDC, 0x0F] + file)
        folder.write("broken.binpb", [0x0A, 0xDC, 0x0F])
        for (name, advice) in [("long", "hold less"), ("broken", "make the file anew")] {
            let path = folder.configuration("[targets.t]\ndescriptors = [\"\(name).binpb\"]")
            let text = refusal(loadRequest(path))
            #expect(text.contains("\(name).binpb") && text.contains(advice), "\(text)")
        }
    }

    @Test func `descriptors that cannot be read are complained about once`() {
        let path = folder.configuration("[targets.t]\ndescriptors = [\"gone.binpb\"]")
        let text = refusal(loadRequest(path))
        #expect(text.contains("gone.binpb"))
        #expect(!text.contains("needs an address"))
    }
}
