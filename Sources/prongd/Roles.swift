// The only place that knows all roles. The supervisor gets closures and imports none of them, so
// that nothing a role links to can reach the process that forks.

import LoaderProcess
import QueueProcess
import Supervisor
import WorkerProcess

enum Roles {
    /// - Parameter configPath: `--config`, or nothing.
    static func table(configPath: String?) -> RoleTable {
        RoleTable(
            loader: { context in runLoader(context, configPath: configPath) },
            queue: { context in runQueue(context) },
            worker: { context in runWorker(context) })
    }
}
