// A descriptor handed from one process to another beside a packet (unix(7), SCM_RIGHTS).

internal import CLinux
import Glibc

package enum DescriptorPassing {
    /// Sends one packet with one descriptor; blocks while the socket is full.
    package static func send(
        _ packet: [UInt8], descriptor: CInt, over socket: CInt
    ) throws(SystemError) {
        try check("sendmsg") {
            CLinux_send_descriptor(
                socket, packet, packet.count, descriptor, CInt(MSG_NOSIGNAL))
        }
    }

    /// Receives one packet of at most `limit` bytes and the descriptor beside it, if any. Empty
    /// bytes are end of file.
    package static func receive(
        limit: Int, from socket: CInt
    ) throws(SystemError) -> Received {
        var room = [UInt8](repeating: 0, count: limit)
        var descriptor: CInt = -1
        let count = try check("recvmsg") {
            CLinux_receive_descriptor(
                socket, &room, room.count, &descriptor, CInt(MSG_DONTWAIT))
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
