// Which names are offered for one that is not known.
import Testing

@testable import Settings

@Suite
struct NearestNameTests {
    private let known = [
        "a.b.v1.Shelf/ListBooks", "a.b.v1.Shelf/ListShelves", "a.b.v1.Shelf/GetBook",
        "a.b.v2.Shelf/GetBook", "a.b.v1.Shelf/Burn",
    ]

    @Test func `a wrong method name is compared with whole names and tails, in any case`() {
        func near(_ name: String) -> [String] { NearestName.methods(name, among: known) }
        #expect(near("a.b.v1.Shelf/ListBook").first == "a.b.v1.Shelf/ListBooks")
        #expect(near("listboks") == ["a.b.v1.Shelf/ListBooks"])
        #expect(near("Shelf/Bruno").first == "a.b.v1.Shelf/Burn")
        #expect(near("a.b.v3.Shelf/GetBook").prefix(2) == [known[2], known[3]], "equally near")
        #expect(near("Elsewhere/Altogether").isEmpty)
        #expect(near("").isEmpty)
    }

    @Test func `three are offered at most`() {
        let many = (0..<10).map { "a.S/Do\($0)" }
        #expect(NearestName.methods("a.S/Do", among: many) == ["a.S/Do0", "a.S/Do1", "a.S/Do2"])
    }

    @Test func `what comparing costs is bounded by the names, not by their number`() {
        let long = String(repeating: "x", count: 250)
        #expect(NearestName.methods("y\(long)y", among: ["z\(long)z"]).count == 1)
        #expect(NearestName.methods(long + long, among: [long + long]).isEmpty, "too long")
        var seen = 0
        let endless = sequence(first: 0) { $0 + 1 }.lazy.map { number in
            seen += 1
            return "q.\(number)" + String(repeating: "z", count: 240)
        }
        _ = NearestName.methods(long, among: endless)
        #expect(seen < 100, "it gives up, however many there are")
    }
}
