"""Which generated clients an installed Python package holds. Never guesses by the package's name:
it looks at the files that the package installed."""

import importlib
import importlib.metadata
import inspect
import pathlib
import re
import sys

from .refusal import Refusal

# The generator lays every client out like this; only what is there with gRPC is of use.
TRANSPORT = re.compile(r"^([\w/]+)/services/(\w+)/transports/grpc\.py$")


def client_modules(package):
    """(module of the API version, service's folder) of each client with a gRPC transport."""
    try:
        distribution = importlib.metadata.distribution(package)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        raise Refusal(
            f"the Python package {package} is not installed for {sys.executable}: install it with"
            f" `{sys.executable} -m pip install {package}` and try again") from None
    files = distribution.files or []
    found = [TRANSPORT.match(str(file)) for file in files]
    clients = sorted((m[1].replace("/", "."), m[2]) for m in found if m)
    if not clients:
        only_rest = any(str(file).endswith("/transports/rest.py") for file in files)
        raise Refusal(
            f"{package} {distribution.version} holds no generated client with a gRPC transport"
            f"{', only with REST' if only_rest else ''}, so there is nothing here that prong could"
            " call: name a google-cloud-* package whose API speaks gRPC")
    return clients


def client_class(version, service):
    """The synchronous client, such as google.cloud.container_v1's ClusterManagerClient."""
    name = f"{version}.services.{service}.client"
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise Refusal(
            f"{name} cannot be imported ({error}): the package is damaged, or something it needs is"
            " missing; install it again with pip") from error
    for _, found in inspect.getmembers(module, inspect.isclass):
        if found.__module__ == name and hasattr(found, "get_transport_class"):
            return found
    raise Refusal(f"{name} holds no client class: this package was made by a generator that prong's"
                  " tool does not know")


def message_modules(version):
    """Every module with messages of an API version, imported."""
    types = importlib.import_module(f"{version}.types")
    folder = types.__path__[0]
    names = sorted(path.stem for path in pathlib.Path(folder).glob("[!_]*.py"))
    return [importlib.import_module(f"{version}.types.{name}") for name in names]
