// Who is at the other end of a connection, as the kernel tells it.
//
// The credentials are those of the process that connected; they are read once per connection and
// never taken from anything that the client sends.

private import CLinux
private import Glibc

/// The other end of a connection.
package struct Peer: Hashable, Sendable {
    package enum Transport: Hashable, Sendable { case unix, tcp }

    package let transport: Transport
    /// Credentials at connect(2); nil for TCP.
    package let credentials: Credentials?

    package struct Credentials: Hashable, Sendable {
        package let uid: UInt32
        package let gid: UInt32
        /// As seen from this process's pid namespace; 0 when the process is not visible there.
        package let pid: Int32
        /// Supplementary groups (SO_PEERGROUPS, Linux 4.13), without `gid` unless the kernel lists
        /// it; empty where the kernel has none to tell.
        package let groups: [UInt32]

        package init(uid: UInt32, gid: UInt32, pid: Int32, groups: [UInt32] = []) {
            self.uid = uid
            self.gid = gid
            self.pid = pid
            self.groups = groups
        }
    }

    package init(transport: Transport, credentials: Credentials?) {
        self.transport = transport
        self.credentials = credentials
    }
}

extension Peer {
    /// Reads the credentials of a connected socket; a socket that has none (TCP) is `.tcp`.
    package init(descriptor: Int32) {
        var uid: uid_t = 0
        var gid: gid_t = 0
        var pid: pid_t = 0
        guard CLinux_peer_credentials(descriptor, &uid, &gid, &pid) == 0 else {
            self.init(transport: .tcp, credentials: nil)
            return
        }
        let credentials = Credentials(
            uid: uid, gid: gid, pid: pid, groups: Self.groups(descriptor: descriptor))
        self.init(transport: .unix, credentials: credentials)
    }

    /// Most processes are in a few groups; more than this costs a second system call.
    private static let usualGroupCount = 32

    private static func groups(descriptor: Int32) -> [UInt32] {
        var capacity = usualGroupCount
        while true {
            var needed = 0
            var error: Int32 = 0
            let groups = [UInt32](unsafeUninitializedCapacity: capacity) { room, count in
                error = CLinux_peer_groups(descriptor, room.baseAddress, capacity, &needed)
                count = error == 0 ? needed : 0
            }
            guard error == ERANGE, needed > capacity else {
                return groups.isEmpty ? [] : Array(groups[...])
            }
            capacity = needed
        }
    }
}
