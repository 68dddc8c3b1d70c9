// A daemon made of the real supervisor and of roles that only pretend, for SupervisorTests: what
// they do is read from files in $FAKE_DIR, what they see is appended to files there.

import Glibc
import Kernel
import Supervisor

ProcessTitle.prepare()
ServiceManager.pretend()
SecondThread.startIfAsked()
exit(
    Supervisor.run(
        roles: RoleTable(
            loader: { FakeLoader.main($0) },
            queue: { context in
                var queue = FakeQueue(context: context)
                return queue.main()
            },
            worker: { FakeWorker(context: $0).main() })))
