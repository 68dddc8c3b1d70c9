// The place of a fault, as the daemon counts it and as whoever gave the request does.
import Testing

@testable import prong

@Suite struct RequestPlaceTests {
    @Test(arguments: [
        ("request: not null (line 1, column 12)", "request: not null (line 1, column 1)"),
        ("request.a[0]: no (x) (line 1, column 20)", "request.a[0]: no (x) (line 1, column 9)"),
        // Only the first line has anything before it.
        ("request.a: no (line 2, column 12)", "request.a: no (line 2, column 12)"),
        // prong's own part of the job, and what is no place.
        ("delay: no (line 1, column 30)", "delay: no (line 1, column 30)"),
        ("request.a: no (line 1)", "request.a: no (line 1)"),
        ("request.a: no", "request.a: no"),
        ("request is missing (line 1, column 2)", "request is missing"),
    ])
    func `a submit tells columns of its request`(daemons: String, own: String) {
        #expect(RequestPlace.json.own(daemons) == own)
    }

    @Test func `a map tells its line and the column in it`() {
        #expect(
            RequestPlace.json.own("request.a: no (line 1, column 13)", line: 7)
                == "line 7: request.a: no (column 2)")
        #expect(
            RequestPlace.base64.own("requestBase64: no (line 1, column 18)", line: 7)
                == "line 7: requestBase64: no")
        #expect(RequestPlace.json.own("queue is full", line: 7) == "queue is full")
    }

    @Test func `only the message of an error changes`() {
        let error = #"{"code":"c", "message":"request: \"x\" (line 1, column 12)","details":[1]}"#
        let own = #"{"code":"c", "message":"request: \"x\" (line 1, column 1)","details":[1]}"#
        #expect(RequestPlace.json.own(Array(error.utf8)) == Array(own.utf8))
        for other in [#"{"code":"c","message":"m (line 1)"}"#, #"{"code":"c"}"#, "nonsense"] {
            #expect(RequestPlace.json.own(Array(other.utf8), line: 1) == Array(other.utf8))
        }
    }
}
