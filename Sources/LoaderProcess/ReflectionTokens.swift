// Tokens for asking servers that want one for every call, their reflection too. What takes a
// network has a thread of its own, so that no token endpoint holds up another target. No answer
// counts after the deadline; a thread that the resolver holds may outlive it, so the process, which
// forks nobody, must end by _exit(2). A token is in memory only, and goes nowhere but into the call
// that asks.

internal import Credentials
internal import GRPCClient
internal import Kernel
internal import Settings
internal import TokenExchange
import Synchronization

final class ReflectionTokens: Sendable {
    /// What the call to a target carries, or why there is nothing.
    typealias Answer = Result<[MetadataField], TokenFailure>

    private struct State {
        var isOpen = true
        var answers: [(place: Int, answer: Answer)] = []
    }

    private let state = Mutex(State())
    private let waker: Waker
    private let deadlineNanoseconds: UInt64

    init(waker: Waker, deadlineNanoseconds: UInt64) {
        self.waker = waker
        self.deadlineNanoseconds = deadlineNanoseconds
    }

    /// Nil: it is being asked for, and `take` gives it, under this place.
    func answer(
        _ target: Settings.Target, place: Int, environment: (String) -> String?
    ) -> Answer? {
        guard target.credentials.hasToken else { return .success([]) }
        var source = TokenSource(target, untilNanoseconds: deadlineNanoseconds)
        do throws(TokenFailure) {
            switch try source.prepare(environment: environment) {
            case .token(let given): return .success(Self.fields(given, source.quotaProject))
            case .exchange(let plan, let fetch):
                guard exchange(plan, fetch, source.quotaProject, place) else {
                    throw TokenFailure("the system gives no thread to ask for it")
                }
                return nil
            }
        } catch {
            return .failure(error)
        }
    }

    private func exchange(
        _ plan: TokenPlan, _ fetch: TokenFetch, _ quotaProject: String, _ place: Int
    ) -> Bool {
        NamedThread.startIfPossible(named: "prong-exchange") { [self] in
            let answer: Answer
            do throws(TokenFailure) {
                answer = .success(Self.fields(try fetch.token(plan), quotaProject))
            } catch {
                answer = .failure(error)
            }
            put(answer, place)
        }
    }

    private static func fields(_ given: GivenToken, _ quotaProject: String) -> [MetadataField] {
        TokenSource.metadata(given.text, quotaProject: quotaProject)
            .map { MetadataField($0.name, $0.value) }
    }

    /// Under the lock, for the waker lives as long as this is open.
    private func put(_ answer: Answer, _ place: Int) {
        state.withLock { state in
            guard state.isOpen else { return }
            state.answers.append((place, answer))
            waker.wake()
        }
    }

    func take() -> [(place: Int, answer: Answer)] {
        state.withLock { state in
            defer { state.answers = [] }
            return state.answers
        }
    }

    /// What comes later is dropped; to be called before the end of the waker's queue.
    func close() {
        state.withLock { state in
            state.isOpen = false
            state.answers = []
        }
    }
}
