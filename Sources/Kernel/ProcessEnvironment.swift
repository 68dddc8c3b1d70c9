// What this process finds in its environment. Nobody may change that but a fork (CFork), before
// there are threads: setenv(3) and threads do not go together.

import Glibc

package enum ProcessEnvironment {
    /// A variable's value; nil where it is not set.
    package static func value(of name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
