// Keys that only grow, and the text that users see of an id.

import SeededRandom
import Testing

@testable import JobLogic

struct JobIdentityTests {
    @Test func `an id's text comes back as the same id`() {
        var random = SeededRandom(seed: 1)
        let edges: [UInt64] = [0, 1, 31, 32, .max, .max - 1, 1 << 63]
        for count in 0..<2000 {
            let key = count < edges.count ? edges[count] : random.next()
            let salt = count < edges.count ? edges[edges.count - 1 - count] : random.next()
            let id = JobID(key: JobKey(rawValue: key), salt: salt)
            #expect(id.text.utf8.count == JobID.textLength)
            #expect(JobID(text: id.text) == id)
            #expect(id.text.allSatisfy { "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains($0) })
        }
    }

    @Test func `texts sort as their keys do`() {
        var random = SeededRandom(seed: 2)
        let ids = (0..<200).map { _ in
            JobID(key: JobKey(rawValue: random.next()), salt: random.next())
        }
        #expect(ids.sorted { $0.key < $1.key } == ids.sorted { $0.text < $1.text })
    }

    @Test(
        arguments: [
            "", "0", String(repeating: "0", count: 25), String(repeating: "0", count: 27),
            "I" + String(repeating: "0", count: 25), "0000000000000l000000000000",
            String(repeating: "0", count: 25) + "u", "0000000000000000000000000é",
            "G" + String(repeating: "0", count: 25), "0000000000000G000000000000",
            String(repeating: " ", count: 26), "../../../../../../../../..",
            "zzzzzzzzzzzzzzzzzzzzzzzzzz", "00000000000000000000000000\n",
        ])
    func `what is not an id is refused`(text: String) {
        #expect(JobID(text: text) == nil)
    }

    @Test func `any bytes at all are refused or come back the same`() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<20_000 {
            let bytes = (0..<26).map { _ in UInt8.random(in: 0...127, using: &random) }
            let text = String(decoding: bytes, as: UTF8.self)
            if let id = JobID(text: text) { #expect(id.text == text) }
        }
    }

    @Test func `keys only grow, also when the clock goes back or stands still`() {
        var random = SeededRandom(seed: 4)
        var keys = JobKeySequence(after: 0)
        var last = JobKey(rawValue: 0)
        var wall = Sample.wall
        for _ in 0..<50_000 {
            wall += Int64([0, 0, 0, 0, 1, 1000, -500].randomElement(using: &random) ?? 0)
            let key = keys.next(wallMilliseconds: wall, random: random.next())
            #expect(key > last)
            last = key
        }
    }

    @Test func `a million keys in one millisecond stay in order and near it`() {
        var keys = JobKeySequence(after: 0)
        let first = keys.next(wallMilliseconds: Sample.wall, random: .max)
        var last = first
        for _ in 0..<1_000_000 {
            let key = keys.next(wallMilliseconds: Sample.wall, random: 0)
            guard key > last else {
                Issue.record("\(key) after \(last)")
                return
            }
            last = key
        }
        #expect(last.rawValue == first.rawValue + 1_000_000)
        #expect(Int64(last.rawValue >> JobKey.sequenceBits) - Sample.wall <= 1)
    }

    @Test(arguments: [0, -1, Int64.min, Int64.max, 1 << 44])
    func `no clock makes a key look like a direct call`(wall: Int64) {
        var keys = JobKeySequence(after: 7)
        for _ in 0..<3 {
            let key = keys.next(wallMilliseconds: wall, random: .max)
            #expect(key.rawValue > 7)
            #expect(key.rawValue & Lease.directBit == 0)
        }
    }

    @Test func `keys go on behind the store's largest`() {
        let largest = UInt64(Sample.wall + 60_000) << JobKey.sequenceBits
        var keys = JobKeySequence(after: largest)
        #expect(keys.next(wallMilliseconds: Sample.wall, random: 0).rawValue == largest + 1)
    }

    @Test func `a step of priority is worth an hour, and the key breaks ties`() {
        let early = Sample.order(1, priority: 0, submittedAt: 0)
        let high = Sample.order(2, priority: 1, submittedAt: 3_600_000 - 1)
        let late = Sample.order(3, priority: 1, submittedAt: 3_600_000 + 1)
        let twin = Sample.order(4, priority: 0, submittedAt: 0)
        #expect(high.position < early.position)
        #expect(early.position < late.position)
        #expect(early.position < twin.position)
    }
}

struct RetryPolicyTests {
    @Test func `back-off grows to its bound and keeps between the half and the whole`() {
        var random = SeededRandom(seed: 5)
        let policy = RetryPolicy(
            attempts: 20, initialMilliseconds: 1000, maxMilliseconds: 600_000, multiplier: 2,
            codes: [14])
        for made in Int32(1)...40 {
            let whole = min(600_000, made < 12 ? 1000 << Int64(made - 1) : 600_000)
            for _ in 0..<50 {
                let wait = policy.backOffMilliseconds(made: made, random: random.next())
                #expect(wait >= whole / 2 && wait <= whole)
            }
            #expect(policy.backOffMilliseconds(made: made, random: 0) == whole / 2)
            #expect(policy.backOffMilliseconds(made: made, random: .max) >= whole - 1)
        }
    }

    @Test(arguments: [1, 1.0, 0.5, 0])
    func `a multiplier that does not grow keeps the first wait`(multiplier: Double) {
        let policy = RetryPolicy(
            attempts: .max, initialMilliseconds: 40, maxMilliseconds: 1000, multiplier: multiplier,
            codes: [])
        #expect(policy.backOffMilliseconds(made: .max, random: 0) == 20)
    }

    @Test func `a wait is never nothing, and never over the bound`() {
        let tiny = RetryPolicy(
            attempts: 2, initialMilliseconds: 0, maxMilliseconds: 0, multiplier: 2, codes: [])
        #expect(tiny.backOffMilliseconds(made: 1, random: 0) == 1)
        let odd = RetryPolicy(
            attempts: 2, initialMilliseconds: 5000, maxMilliseconds: 100, multiplier: 2, codes: [])
        #expect(odd.backOffMilliseconds(made: 1, random: .max) <= 100)
    }

    @Test(arguments: [Int32.min, -1, 0, 14, 16, 17, 32, 33, .max])
    func `only the policy's codes are repeated`(code: Int32) {
        #expect(Sample.retry.repeats(code: code) == (code == 14))
    }
}
