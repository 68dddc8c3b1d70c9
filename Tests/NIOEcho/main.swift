// The bare reference of Packaging/bench: SwiftNIO's HTTP/1.1 server that gives back the body of
// every request, with nothing else behind it. Ends at TERM.
//
//   nio-echo SOCKET
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private var body = ByteBuffer()
    private var keepsAlive = true

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            keepsAlive = head.isKeepAlive
            body.clear()
        case .body(let part): body.writeImmutableBuffer(part)
        case .end: answer(context)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: .ok)
        head.headers.add(name: "Content-Type", value: "application/json")
        head.headers.add(name: "Content-Length", value: String(body.readableBytes))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if !keepsAlive { context.close(promise: nil) }
    }
}

guard CommandLine.arguments.count == 2 else {
    print("usage: nio-echo SOCKET")
    exit(64)
}
let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let bootstrap = ServerBootstrap(group: group)
    .serverChannelOption(.backlog, value: 1_024)
    .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
            try channel.pipeline.syncOperations.addHandler(EchoHandler())
        }
    }
do {
    let path = CommandLine.arguments[1]
    let channel = try bootstrap.bind(unixDomainSocketPath: path).wait()
    print("listening on \(path)")
    fflush(nil)
    try channel.closeFuture.wait()
} catch {
    print("cannot listen: \(error)")
    exit(69)
}
