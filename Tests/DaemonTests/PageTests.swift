// All pages of a list, followed as Google's generated iterators follow them: as one response, as a
// job, or a line for each page.
import DaemonHarness
import Foundation
import Testing

private let allPages = ("Prong-Pages", "all")
private let lines = ("Accept", "application/x-ndjson")

@Suite(.keepsEvidence)
struct PageTests {
    private func items(_ range: Range<Int>) -> JSON { .array(range.map { .string("\($0)") }) }

    @Test func `all pages are one response, without a token`() throws {
        try withPool { daemon, server in
            let key = unique("pages")
            let answer = try daemon.call(
                "List", ["total": 25, "pageSize": 10, "key": .string(key)], headers: [allPages])
            let list = try answer.json()
            #expect(list["items"] == items(0..<25), "\(answer)")
            #expect(list["nextPageToken"].isNull)
            #expect(list["totalSize"] == 25, "of what stands once the last page's value counts")
            #expect(server.calls(holding: key) == 3)
            // a token of the caller's own is where it begins
            let rest = try daemon.call(
                "List", ["total": 25, "pageToken": "20"], headers: [allPages])
            #expect(try rest.json()["items"] == items(20..<25))
            let one = try daemon.call("List", ["total": 25])
            #expect(try one.json()["nextPageToken"] == "10", "nobody asked for more")
        }
    }

    @Test func `with the Accept each page is a line`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "List", ["total": 25, "pageSize": 10], headers: [allPages, lines])
            #expect(answer[header: "content-type"] == "application/x-ndjson")
            let all = try answer.lines()
            #expect(
                all.map { $0["message"]["items"] }
                    == [items(0..<10), items(10..<20), items(20..<25), .null], "\(answer)")
            #expect(all.last == ["end": ["trailers": [:]]])
            #expect(all.allSatisfy { $0["message"]["nextPageToken"].isNull })
        }
    }

    @Test func `lines have no bound but each page's`() throws {
        try withPool(change: { $0.listen = "max_response = \"64KiB\"" }) { daemon, _ in
            let request: JSON = ["total": 200, "pageSize": 10, "itemBytes": 5000]
            let whole = try daemon.call("List", request, headers: [allPages])
            expectRefusal(
                whole, 429, "resource_exhausted", saying: "listen.max_response", "x-ndjson")
            let parts = try daemon.call("List", request, headers: [allPages, lines])
            #expect(try parts.lines().count == 21)
        }
    }

    @Test func `a job collects its pages`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("List", ["total": 25], ["pages": "all"])
            let job = try daemon.job(id, wait: "30s")
            #expect(job["response"]["items"] == items(0..<25), "\(job.text)")
            #expect(job["attemptCount"] == 1)
        }
    }

    @Test func `each page of a job has the timeout, all pages of a direct call share it`() throws {
        try withPool { daemon, _ in
            let request: JSON = ["total": 6, "pageSize": 1, "delayMilliseconds": 300]
            let id = try daemon.submit("List", request, ["pages": "all", "timeout": "1500ms"])
            let job = try daemon.job(id, wait: "60s")
            #expect(job["response"]["items"] == items(0..<6), "\(job.text)")
            let call = try daemon.call(
                "List", request, headers: [allPages, ("Connect-Timeout-Ms", "1000")])
            expectRefusal(call, 504, "deadline_exceeded")
        }
    }

    @Test func `a page that fails is asked for again by itself`() throws {
        try withPool { daemon, server in
            for isJob in [false, true] {
                let key = unique("retry")
                let request: JSON = ["total": 25, "failAt": 2, "key": .string(key)]
                let list: JSON
                if isJob {
                    let id = try daemon.submit("List", request, ["pages": "all"])
                    let job = try daemon.job(id, wait: "30s")
                    #expect(job["attemptCount"] == 1, "\(job.text)")
                    list = job["response"]
                } else {
                    list = try daemon.call("List", request, headers: [allPages]).json()
                }
                #expect(list["items"] == items(0..<25), "\(list.text)")
                #expect(server.calls(holding: key) == 4, "one, the one that failed, and two")
            }
        }
    }

    @Test func `a server whose tokens never end is left`() throws {
        try withPool { daemon, server in
            let key = unique("again")
            let repeating: JSON = ["total": 25, "repeats": true, "key": .string(key)]
            let call = try daemon.call("List", repeating, headers: [allPages])
            expectRefusal(
                call, 500, "internal", saying: "a page token came back a second time: again")
            #expect(call[header: "prong-origin"] == "prong", "\(call)")
            #expect(server.calls(holding: key) == 2)
            let id = try daemon.submit("List", repeating, ["pages": "all"])
            #expect(try daemon.job(id, wait: "30s")["state"] == "failed")
            let stored = try daemon.request("GET", "/v1/jobs/\(id)/response")
            #expect(stored[header: "prong-origin"] == "prong", "also of a job: \(stored)")
            #expect(try stored.json()["details"].isNull, "and nothing of it shows: \(stored)")
            let long = try daemon.call(
                "List", ["total": 20_000, "pageSize": 1],
                headers: [allPages, ("Connect-Timeout-Ms", "120000")], within: 120)
            expectRefusal(long, 429, "resource_exhausted", saying: "10000 pages")
        }
    }

    @Test func `what has no pages, or is not safe, is refused with the reason`() throws {
        try withPool { daemon, _ in
            expectRefusal(
                try daemon.call("EchoSafe", headers: [allPages]), 400, "invalid_argument",
                saying: "has no pages")
            expectRefusal(
                try daemon.call("ListUnsafe", headers: [allPages]), 400, "invalid_argument",
                saying: "safe to repeat", "idempotent")
            expectRefusal(
                try daemon.call("List", headers: [("Prong-Pages", "3")]), 400,
                "invalid_argument", saying: "Prong-Pages")
            for (method, text) in [("EchoSafe", "no pages"), ("ListUnsafe", "safe to repeat")] {
                let answer = try daemon.post(
                    "/v1/jobs",
                    [
                        "method": .string("\(ExampleServer.service)/\(method)"),
                        "request": [:], "pages": "all",
                    ])
                expectRefusal(answer, 400, "invalid_argument", saying: "pages", text)
            }
        }
        try withPool(lines: "idempotent = [\"*/ListUnsafe\"]") { daemon, _ in
            let answer = try daemon.call("ListUnsafe", ["total": 12], headers: [allPages])
            #expect(try answer.json()["items"] == items(0..<12))
        }
    }

    @Test func `prong asks for all pages`() throws {
        try withPool { daemon, _ in
            let called = try daemon.prong("call", "List", "{\"total\":12}", "--pages", "all")
            #expect(called.code == 0, "\(called.errorOutput)")
            #expect(try JSON(parsing: called.output)["items"] == items(0..<12))
            let submitted = try daemon.prong(
                "submit", "Example/List", "{\"total\":12}", "--pages", "all")
            let id = submitted.output.trimmingCharacters(in: .whitespacesAndNewlines)
            let job = try daemon.job(id, wait: "30s")
            #expect(job["response"]["items"] == items(0..<12), "\(submitted.errorOutput)")
            #expect(try daemon.prong("call", "List", "{}", "--pages", "two").code == 64)
        }
    }
}
