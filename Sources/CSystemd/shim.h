// libsystemd's event loop and service protocol. No wrappers: nothing that prong needs is variadic.
#ifndef CSYSTEMD_SHIM_H
#define CSYSTEMD_SHIM_H

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#endif
