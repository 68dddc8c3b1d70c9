// A descriptor set that lies, at one of several targets: the check names the file and the target,
// and says nothing of the others.

import DescriptorBytes
import LoaderProcess
import Testing

@Suite struct BadDescriptorTests {
    private let folder = ScratchFolder()

    private static func method(_ input: String, _ output: String) -> [UInt8] {
        let method = Wire.made {
            $0.text(1, "Do")
            $0.text(2, input)
            $0.text(3, output)
        }
        return Wire.made {
            $0.text(1, "S")
            $0.data(2, method)
        }
    }

    private static let message = testMessage("M", [])
    private static let sets: [(set: [UInt8], complaint: String)] = [
        (
            testSet([
                testFile("a.proto", imports: ["b.proto"]),
                testFile("b.proto", imports: ["a.proto"]),
            ]), "the imports of a.proto lead in a circle"
        ),
        (
            testSet([
                testFile("a.proto", messages: [message], services: [method(".test.X", ".test.M")])
            ]), "a.proto: test.S/Do uses the message \".test.X\", which is not declared"
        ),
        (
            testSet([
                testFile("a.proto", messages: [message], services: [method(".test.M", ".test.X")])
            ]), "a.proto: test.S/Do uses the message \".test.X\", which is not declared"
        ),
        (
            testSet([
                testFile(
                    "a.proto",
                    messages: [
                        testMessage(
                            "M",
                            (1...70_000).map { TestField(name: "f\($0)", number: $0, type: 5) })
                    ])
            ]), "M has more than 65535 members"
        ),
        (
            testSet([
                testFile(
                    "a.proto",
                    messages: (0..<15).map { part in
                        testMessage(
                            "M\(part)",
                            (1...65_535).map { TestField(name: "f\($0)", number: $0, type: 5) })
                    })
            ]), "declarations"
        ),
    ]

    @Test(.timeLimit(.minutes(1)), arguments: sets.indices)
    func `one target's bad set is named, and no other target`(_ index: Int) {
        folder.write("good.binpb", smallDescriptorSet())
        folder.write("bad.binpb", Self.sets[index].set)
        let path = folder.write(
            "prong.toml",
            """
            listen.socket = "\(folder.path)/prong.sock"
            store.path = "\(folder.path)/prong.db"
            [targets.one]
            address = "127.0.0.1:1"
            descriptors = ["good.binpb"]
            [targets.two]
            address = "127.0.0.1:1"
            descriptors = ["bad.binpb"]
            [targets.three]
            address = "127.0.0.1:1"
            descriptors = ["good.binpb"]

            """)
        let request = LoadRequest(
            configPath: path, environment: { _ in nil }, uid: 0, makesDirectories: false)
        let failure = #expect(throws: LoadFailure.self) { try load(request) }
        #expect(failure?.exitCode == 78)
        #expect(failure?.lines.count == 1, "\(failure as Any)")
        let line = failure?.lines.first ?? ""
        #expect(line.contains("\(folder.path)/bad.binpb"), "\(line)")
        #expect(line.contains("targets.two.descriptors"), "\(line)")
        #expect(line.contains(Self.sets[index].complaint), "\(line)")
        #expect(line.utf8.count < 600)
    }
}
