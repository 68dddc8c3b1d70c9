// From a host's name to a connected socket: each address in turn, bounded. Name resolution is the
// system's and blocks as long as resolv.conf(5) allows.

import Credentials
import Glibc
import Kernel

enum Addresses {
    static func connect(
        _ url: EndpointURL, _ patience: Patience
    ) throws(TokenFailure) -> FileDescriptor {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        // Of families that no interface has, this machine's own addresses are of use all the same.
        if !url.isLoopback, !url.isLinkLocal { hints.ai_flags = AI_ADDRCONFIG }
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(url.host, "\(url.port)", &hints, &list)
        guard code == 0, let list else {
            throw TokenFailure(
                "\(url.origin) cannot be reached: \(String(cString: gai_strerror(code)))")
        }
        defer { freeaddrinfo(list) }
        var reason = "it has no address"
        var next: UnsafeMutablePointer<addrinfo>? = list
        for _ in 0..<Patience.addressesMax {
            guard let address = next else { break }
            next = address.pointee.ai_next
            do throws(SystemError) {
                return try connect(address.pointee, patience)
            } catch {
                reason = error.reason
            }
        }
        throw TokenFailure("\(url.origin) cannot be reached: \(reason)")
    }

    private static func connect(
        _ address: addrinfo, _ patience: Patience
    ) throws(SystemError) -> FileDescriptor {
        let kind =
            CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
            | CInt(SOCK_NONBLOCK.rawValue)
        let socket = FileDescriptor(
            owning: try check("socket") { Glibc.socket(address.ai_family, kind, 0) })
        if Glibc.connect(socket.number, address.ai_addr, address.ai_addrlen) == 0 { return socket }
        guard errno == EINPROGRESS || errno == EINTR else {
            throw SystemError("connect", errno: errno)
        }
        let limit = Clock.monotonicNanoseconds() + Patience.connectMilliseconds * 1_000_000
        guard patience.wait(socket.number, POLLOUT, until: limit) else {
            throw SystemError("connect", errno: ETIMEDOUT)
        }
        var code: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        try check("getsockopt") { getsockopt(socket.number, SOL_SOCKET, SO_ERROR, &code, &size) }
        guard code == 0 else { throw SystemError("connect", errno: code) }
        return socket
    }
}
