// A closed loop of unary calls over GRPCClient: the measure that prong's own figures are held
// against. Prints one line of JSON.

import GRPCClient
import Glibc

enum Bench {
    private struct Settings {
        var target = ""
        var method = "Echo"
        var bytes = 100
        var calls = 100_000
        var window = 64

        init(_ arguments: ArraySlice<String>) throws(Failure) {
            var rest = arguments
            while let name = rest.popFirst() {
                guard let value = rest.popFirst() else {
                    throw Failure("\(name) needs a value", exitCode: 64)
                }
                switch name {
                case "--target": target = value
                case "--method": method = value
                case "--bytes": bytes = try Self.number(name, value, 0...(64 << 20))
                case "--calls": calls = try Self.number(name, value, 1...100_000_000)
                case "--window": window = try Self.number(name, value, 1...1024)
                default: throw Failure("unknown option \(name); see --help", exitCode: 64)
                }
            }
            guard !target.isEmpty else { throw Failure("bench needs --target", exitCode: 64) }
        }

        static func number(
            _ name: String, _ value: String, _ range: ClosedRange<Int>
        ) throws(Failure) -> Int {
            guard let number = Int(value), range.contains(number) else {
                throw Failure(
                    "\(name) is a number from \(range.lowerBound) to \(range.upperBound)",
                    exitCode: 64)
            }
            return number
        }
    }

    private static let connectNanoseconds: UInt64 = 5_000_000_000

    static func run(_ arguments: ArraySlice<String>) throws(Failure) {
        let settings = try Settings(arguments)
        CoreLog.install(prefix: "prong-example-server: ")
        let queue = CompletionQueue(runtime: Runtime())
        var channel: Channel
        do throws(ChannelError) {
            channel = try Channel(target: settings.target, options: ChannelOptions(), queue: queue)
        } catch {
            throw Failure("no channel to \(settings.target)", exitCode: 69)
        }
        let limit = CompletionQueue.now() + connectNanoseconds
        while channel.state(connecting: true) != .ready {
            _ = queue.next(untilNanoseconds: CompletionQueue.now() + 10_000_000)
            guard CompletionQueue.now() < limit else {
                throw Failure("\(settings.target) cannot be reached", exitCode: 69)
            }
        }
        let loop = Loop(settings, channel)
        print(loop.run(queue))
        channel.close()
        queue.shutDown()
    }

    /// `window` calls under way at all times, until `calls` were made.
    private final class Loop {
        private let settings: Settings
        private let channel: Channel
        private let request: UnaryRequest
        private var started = 0
        private var failures = 0
        private var durations: [UInt64] = []

        init(_ settings: Settings, _ channel: Channel) {
            self.settings = settings
            self.channel = channel
            var message = WireWriter()
            // Tag and length take two bytes of a short message.
            let length = max(0, settings.bytes - 2)
            if length > 0 { message.text(1, String(repeating: "x", count: length)) }
            request = UnaryRequest(
                path: "/\(Descriptors.service)/\(settings.method)", message: message.bytes)
            durations.reserveCapacity(settings.calls)
        }

        func run(_ queue: CompletionQueue) -> String {
            let begin = CompletionQueue.now()
            for _ in 0..<min(settings.window, settings.calls) { startOne() }
            while durations.count < settings.calls { _ = queue.next(untilNanoseconds: nil) }
            let nanoseconds = CompletionQueue.now() - begin
            durations.sort()
            let perSecond = Double(settings.calls) / (Double(nanoseconds) / 1e9)
            return """
                {"method":"\(settings.method)","bytes":\(settings.bytes),\
                "calls":\(settings.calls),"window":\(settings.window),\
                "failures":\(failures),"callsPerSecond":\(Int(perSecond)),\
                "p50Microseconds":\(percentile(0.50)),"p99Microseconds":\(percentile(0.99))}
                """
        }

        private func startOne() {
            started += 1
            let begin = CompletionQueue.now()
            do throws(CallError) {
                try channel.start(request) { [self] result in
                    if result.end.status != .ok { failures += 1 }
                    ended(begin)
                }
            } catch {
                failures += 1
                ended(begin)
            }
        }

        private func ended(_ begin: UInt64) {
            durations.append(CompletionQueue.now() - begin)
            if started < settings.calls { startOne() }
        }

        private func percentile(_ share: Double) -> Double {
            let index = min(durations.count - 1, Int(Double(durations.count) * share))
            return Double(durations[index] / 100) / 10
        }
    }
}
