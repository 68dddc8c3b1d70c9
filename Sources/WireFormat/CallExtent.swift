// What a call of several messages, or of several pages, has beyond a unary one; and how much of its
// responses may be on the way at once. Plain values: a worker knows no descriptors.

/// Missing for a unary call of one page, which is the hot path and pays for a pointer only.
package final class CallExtent: Equatable, Sendable {
    package let clientStreams: Bool
    package let serverStreams: Bool
    /// All messages of a call whose client streams; `CallOrder.request` is empty then.
    package let requests: [[UInt8]]
    /// Responses are sent as chunks as they come: so many bytes until a window follows. Nothing:
    /// they are collected in the outcome.
    package let window: UInt32?
    package let pages: PageOrder?

    package init(
        clientStreams: Bool = false, serverStreams: Bool = false, requests: [[UInt8]] = [],
        window: UInt32? = nil, pages: PageOrder? = nil
    ) {
        self.clientStreams = clientStreams
        self.serverStreams = serverStreams
        self.requests = requests
        self.window = window
        self.pages = pages
    }

    package static func == (left: CallExtent, right: CallExtent) -> Bool {
        left === right
            || left.clientStreams == right.clientStreams
                && left.serverStreams == right.serverStreams && left.requests == right.requests
                && left.window == right.window && left.pages == right.pages
    }
}

/// How the pages of a method are followed: by two field numbers, without a descriptor.
package struct PageOrder: Equatable, Sendable {
    /// `page_token` of the request.
    package var requestToken: UInt32
    /// `next_page_token` of the response.
    package var responseToken: UInt32
    /// Each page's own; 0: the order's deadline is that of all pages together.
    package var timeoutNanoseconds: UInt64
    /// Nil: a page that failed ends the call.
    package var retry: PageRetry?

    package init(
        requestToken: UInt32, responseToken: UInt32, timeoutNanoseconds: UInt64 = 0,
        retry: PageRetry? = nil
    ) {
        self.requestToken = requestToken
        self.responseToken = responseToken
        self.timeoutNanoseconds = timeoutNanoseconds
        self.retry = retry
    }
}

/// How often a page that failed is asked for again: what the method's retry policy says of a call.
package struct PageRetry: Equatable, Sendable {
    /// First attempt included.
    package var attempts: UInt64
    package var initialMilliseconds: UInt64
    package var maxMilliseconds: UInt64
    package var multiplierThousandths: UInt64
    /// One bit per gRPC code.
    package var codes: UInt64
    /// From the page's first attempt; 0: only `attempts` end it.
    package var totalMilliseconds: UInt64
    /// Waits are spread over the whole back-off, not over its second half.
    package var isSpreadWide: Bool

    package init(
        attempts: UInt64, initialMilliseconds: UInt64, maxMilliseconds: UInt64,
        multiplierThousandths: UInt64, codes: UInt64, totalMilliseconds: UInt64 = 0,
        isSpreadWide: Bool = false
    ) {
        self.attempts = attempts
        self.initialMilliseconds = initialMilliseconds
        self.maxMilliseconds = maxMilliseconds
        self.multiplierThousandths = multiplierThousandths
        self.codes = codes
        self.totalMilliseconds = totalMilliseconds
        self.isSpreadWide = isSpreadWide
    }
}

/// A piece of a message of a call with several messages.
package struct Chunk: Equatable, Sendable {
    package var ticket: Ticket
    /// Which message of the stream, from 0.
    package var message: UInt32
    package var data: [UInt8]
    /// The last piece of its message.
    package var endsMessage: Bool
    /// No message follows.
    package var endsStream: Bool
    /// The server's metadata before its first message. A chunk that has them may end no message:
    /// then they are all that it has.
    package var headers: [HeaderField]

    package init(
        ticket: Ticket, message: UInt32, data: [UInt8], endsMessage: Bool, endsStream: Bool,
        headers: [HeaderField] = []
    ) {
        self.ticket = ticket
        self.message = message
        self.data = data
        self.endsMessage = endsMessage
        self.endsStream = endsStream
        self.headers = headers
    }

    /// What each message takes of a window, and of `max_response`, beside its bytes: a stream of
    /// empty messages is bounded too.
    package static let messageOverheadBytes = 32

    package static func cost(ofBytes count: Int) -> Int { count + messageOverheadBytes }
}
