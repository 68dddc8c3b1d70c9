// How many messages a call has, each way, and how its responses are handed on. Unary calls of one
// page have the plain form and pay nothing for the others.

/// How the pages of a method are followed: the numbers of two fields.
package struct PageFields: Equatable, Sendable {
    /// `page_token` of the request.
    package var requestToken: UInt32
    /// `next_page_token` of the response.
    package var responseToken: UInt32

    package init(requestToken: UInt32, responseToken: UInt32) {
        self.requestToken = requestToken
        self.responseToken = responseToken
    }
}

package struct CallForm: Equatable, Sendable {
    package var clientStreams: Bool
    package var serverStreams: Bool
    /// All pages are wanted.
    package var pages: PageFields?
    /// Of each page; 0: one deadline for all of them.
    package var pageTimeoutMilliseconds: Int64
    /// Of each page behind the first; nothing: one that fails ends the attempt.
    package var pageRetry: RetryPolicy?
    /// Responses are passed on as they come, so many bytes before the first grant; nothing: they
    /// are collected.
    package var window: UInt32?

    package init(
        clientStreams: Bool = false, serverStreams: Bool = false, pages: PageFields? = nil,
        pageTimeoutMilliseconds: Int64 = 0, pageRetry: RetryPolicy? = nil, window: UInt32? = nil
    ) {
        self.clientStreams = clientStreams
        self.serverStreams = serverStreams
        self.pages = pages
        self.pageTimeoutMilliseconds = pageTimeoutMilliseconds
        self.pageRetry = pageRetry
        self.window = window
    }

    package static let unary = CallForm()

    package var isUnary: Bool { !clientStreams && !serverStreams && pages == nil }
}

extension JobOrder {
    /// What is stored with the job decides what its messages are, not later descriptors.
    package var clientStreams: Bool { flags.contains(.clientStreams) }
    package var serverStreams: Bool { flags.contains(.serverStreams) }

    func form(_ policy: MethodPolicy?, timeoutMilliseconds: Int64) -> CallForm {
        guard flags != [] else { return .unary }
        let wantsPages = flags.contains(.allPages)
        return CallForm(
            clientStreams: clientStreams, serverStreams: serverStreams,
            pages: wantsPages ? policy?.pages : nil,
            pageTimeoutMilliseconds: wantsPages ? timeoutMilliseconds : 0,
            pageRetry: wantsPages ? policy?.jobRetry : nil)
    }
}
