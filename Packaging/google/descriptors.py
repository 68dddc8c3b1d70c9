"""Makes descriptor sets for Google's APIs from installed Python packages.

For each PACKAGE (google-cloud-translate, google-cloud-pubsub, …) two files are written to DIR,
called as the package without its "google-cloud-":

  NAME.binpb                 a FileDescriptorSet with messages, services, their options, all imports
  NAME.service_config.json   a gRPC service config: default timeouts and retries of every method

What a client does that neither can say is told on standard error.

Both are for a target of prong's configuration:

  [targets.translate]
  descriptors = ["translate.binpb"]
  service_config = "translate.service_config.json"

The packages must be installed for the Python that runs this. Nothing is downloaded, and no
connection is opened. Exit codes: 0 all files are written; 1 a package cannot be used, and nothing
was written for it; 64 the command line is wrong.
"""

import argparse
import json
import os
import pathlib
import sys

# Before Google's libraries are imported: how a client behaves by default must not depend on whose
# machine makes the set.
for variable in [name for name in os.environ if name.startswith("GOOGLE_")]:
    del os.environ[variable]

try:
    from gapicsets.clients import Client
    from gapicsets.files import FileSet
    from gapicsets.installed import client_class, client_modules, message_modules
    from gapicsets.options import http_tables
    from gapicsets.policies import service_config
    from gapicsets.refusal import Refusal
    from gapicsets.remarks import remarks
except ImportError as missing:
    sys.exit(f"descriptors: no google-cloud-* package can be installed for {sys.executable}, for"
             f" what they all need is missing ({missing}): install the packages you want with"
             f" `{sys.executable} -m pip install google-cloud-translate` (or others), or name"
             " another Python by PRONG_PYTHON")

WRONG_COMMAND = 64


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(WRONG_COMMAND, f"descriptors: {message}\n")


def describe(package):
    """The set and the service config of an installed package, and its clients."""
    files = FileSet()
    clients = []
    found = client_modules(package)
    for version in sorted({version for version, _ in found}):
        for module in message_modules(version):
            files.add_messages(module)
    for version, service in found:
        client = Client(client_class(version, service))
        files.add_services(client, http_tables(version, service))
        clients.append(client)
    return files.set(), service_config(clients), clients


def write(folder, package):
    whole, config, clients = describe(package)
    name = package.removeprefix("google-cloud-")
    put(folder / f"{name}.binpb", whole.SerializeToString(deterministic=True))
    put(folder / f"{name}.service_config.json", (json.dumps(config, indent=1) + "\n").encode())
    services = [service for file in whole.file for service in file.service]
    count = sum(len(service.method) for service in services)
    print(f"{folder / name}.binpb: {len(services)} services, {count} methods")
    for remark in remarks(clients):
        print(f"descriptors: {remark}", file=sys.stderr)


def put(path, content):
    """Whole or not at all: a reader never sees half a file."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def main():
    parser = Arguments(
        prog="descriptors", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR", type=pathlib.Path)
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    given = parser.parse_args()
    code = 0
    for package in given.packages:
        try:
            given.out.mkdir(parents=True, exist_ok=True)
            write(given.out, package)
        except Refusal as refusal:
            print(f"descriptors: {refusal}", file=sys.stderr)
            code = 1
        except OSError as error:
            print(f"descriptors: {error.filename}: {error.strerror}", file=sys.stderr)
            return 1
        except Exception as error:  # pylint: disable=broad-except
            # A client of a later generator can be anything; the other packages are not its fault.
            print(f"descriptors: {package} could not be read, for its clients are not made in the"
                  f" way this tool knows ({type(error).__name__}: {error})", file=sys.stderr)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
