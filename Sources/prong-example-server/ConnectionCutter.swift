// Closes the connection that a call came over, which C-core offers no way to do: the connection's
// descriptor is found by the peer's address, and shut down under C-core's hands. It then sees what
// it would see of a broken network.

import Glibc

enum ConnectionCutter {
    /// Descriptors above this are not looked at; the example server has few.
    private static let descriptorMax: Int32 = 4096

    /// `peer` as ServerCall has it. False if no connection has it.
    @discardableResult
    static func cut(peer: String) -> Bool {
        if peer.hasPrefix("fd:"), let descriptor = Int32(peer.dropFirst(3)) {
            return shutdown(descriptor, Int32(SHUT_RDWR)) == 0
        }
        guard let colon = peer.lastIndex(of: ":"),
            let port = UInt16(peer[peer.index(after: colon)...])
        else { return false }
        for descriptor in 3..<descriptorMax where peerPort(of: descriptor) == port {
            return shutdown(descriptor, Int32(SHUT_RDWR)) == 0
        }
        return false
    }

    private static func peerPort(of descriptor: Int32) -> UInt16? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            let raw = UnsafeMutableRawPointer(storage)
            let address = raw.assumingMemoryBound(to: sockaddr.self)
            guard getpeername(descriptor, address, &length) == 0 else { return nil }
            switch Int32(address.pointee.sa_family) {
            case AF_INET:
                return raw.assumingMemoryBound(to: sockaddr_in.self).pointee.sin_port.bigEndian
            case AF_INET6:
                return raw.assumingMemoryBound(to: sockaddr_in6.self).pointee.sin6_port.bigEndian
            default:
                return nil
            }
        }
    }
}
