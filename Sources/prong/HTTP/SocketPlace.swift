// Which socket the daemon listens on: the option, the environment, else the default place.
import Glibc

struct SocketPlace: Equatable {
    static let systemPath = "/run/prong/prong.sock"

    let path: String

    /// - Parameter option: what `--socket` says, nil if it was not given.
    static func find(option: String?) -> SocketPlace {
        choose(
            option: option,
            environment: { name in getenv(name).map { String(cString: $0) } },
            isRoot: getuid() == 0,
            exists: { access($0, F_OK) == 0 })
    }

    /// The choice alone, without looking at this process.
    static func choose(
        option: String?,
        environment: (String) -> String?,
        isRoot: Bool,
        exists: (String) -> Bool
    ) -> SocketPlace {
        if let option { return SocketPlace(path: option) }
        if let path = environment("PRONG_SOCKET"), !path.isEmpty { return SocketPlace(path: path) }
        if isRoot || exists(systemPath) { return SocketPlace(path: systemPath) }
        guard let runtime = environment("XDG_RUNTIME_DIR"), !runtime.isEmpty else {
            return SocketPlace(path: systemPath)
        }
        return SocketPlace(path: runtime + "/prong/prong.sock")
    }
}
