// The prong.toml of a test's daemon: the tables a test names, the rest as the product defaults it.
// Paths are the scratch folder's own, so that any number of daemons run beside each other.

package struct TargetSettings: Sendable {
    package var name: String
    package var address: String
    package var descriptors: String
    /// Further lines of the target's table.
    package var lines: String

    package init(
        _ name: String = "example", address: String, descriptors: String, lines: String = ""
    ) {
        self.name = name
        self.address = address
        self.descriptors = descriptors
        self.lines = lines
    }

    var toml: String {
        """
        [targets.\(name)]
        address = "\(address)"
        credentials = "insecure"
        descriptors = ["\(descriptors)"]
        \(lines)

        """
    }
}

package struct DaemonSettings: Sendable {
    package var workers = 2
    package var targets: [TargetSettings] = []
    package var listen = ""
    package var store = ""
    package var worker = ""
    package var defaults = ""
    /// Whole tables of one's own, at the end.
    package var more = ""
    /// Environment of the process: fault points, notify sockets.
    package var environment: [String: String] = [:]

    package init() {}

    package init(_ targets: TargetSettings..., change: (inout DaemonSettings) -> Void = { _ in }) {
        self.targets = targets
        change(&self)
    }

    /// The file's text for a daemon that lives in `folder`.
    package func toml(in folder: String) -> String {
        """
        workers = \(workers)

        [listen]
        socket = "\(folder)/prong.sock"
        \(listen)

        [store]
        path = "\(folder)/state/prong.db"
        \(store)

        [worker]
        \(worker)

        [defaults]
        \(defaults)

        \(targets.map(\.toml).joined(separator: "\n"))
        \(more)
        """
    }
}
