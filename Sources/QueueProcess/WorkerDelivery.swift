// What the queue's logic has for one worker, before it is a frame. Never holds anything of a link.

import JobLogic

/// What goes to a worker.
enum WorkerDelivery {
    case jobs([Dispatch])
    case committed([Lease])
    case cancel([Lease])
    case window(Lease, bytes: UInt32)
}
