// A descriptor handed from one process to another beside a packet (unix(7), SCM_RIGHTS).

internal import CLinux
import Glibc

package enum DescriptorPassing {
    /// Sends one packet with one descriptor. While the socket is full it blocks, or fails with
    /// EAGAIN where it may not.
    package static func send(
        _ packet: [UInt8], descriptor: CInt, over socket: CInt, blocks: Bool = true
    ) throws(SystemError) {
        let flags = CInt(MSG_NOSIGNAL) | (blocks ? 0 : CInt(MSG_DONTWAIT))
        try check("sendmsg") {
            CLinux_send_descriptor(socket, packet, packet.count, descriptor, flags)
        }
    }

    /// Receives one packet of at most `limit` bytes and the descriptor beside it, if any. Empty
    /// bytes are end of file. While nothing is there it fails with EAGAIN, or blocks where it may.
    package static func receive(
        limit: Int, from socket: CInt, blocks: Bool = false
    ) throws(SystemError) -> Received {
        let flags = blocks ? 0 : CInt(MSG_DONTWAIT)
        var room = [UInt8](repeating: 0, count: limit)
        var descriptor: CInt = -1
        let count = try check("recvmsg") {
            CLinux_receive_descriptor(
                socket, &room, room.count, &descriptor, flags)
        }
        return Received(bytes: Array(room.prefix(count)), number: descriptor)
    }

    /// A packet and perhaps a descriptor, of which the taker is the owner.
    package struct Received: ~Copyable {
        package let bytes: [UInt8]
        package let descriptor: FileDescriptor?

        init(bytes: [UInt8], number: CInt) {
            self.bytes = bytes
            descriptor = number < 0 ? nil : FileDescriptor(owning: number)
        }

        /// The descriptor, taken out.
        package consuming func takeDescriptor() -> FileDescriptor? { descriptor }
    }
}
