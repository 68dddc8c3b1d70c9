"""What a client does for its caller that no descriptor can say: told to whoever makes the set, for
prong will not do it. Observed on the client, never known of an API."""

from .clients import pb_class
from .options import routing_names
from .routing import explicit_rule

# More names than these make nothing clearer.
NAMED = 3


def remarks(clients):
    """A line for each service and each field of which there is something to say."""
    for said, names_of in ((ALWAYS_SENT, always_sent), (FILLED, filled)):
        found = {}
        for client in clients:
            for method in client.own_methods:
                if client.function(method) is not None and not method.client_streaming:
                    for name in names_of(client, method):
                        found.setdefault((method.service, name), []).append(method.name)
        for (service, field), methods in found.items():
            yield f"{service}: " + said.format(field=field, methods=listed(methods))


ALWAYS_SENT = (
    "Google's client routes {methods} by {field} even if it is empty, which a descriptor cannot"
    " say: prong names it where the request has it, so give it one where that matters")


def always_sent(client, method):
    """The names that a client with explicit routing sends though the request leaves them empty, as
    some are changed by hand to do. No option says this: google.api.routing leaves them out."""
    is_explicit = explicit_rule(client.function(method)) is not None
    return routing_names(client.sent(method)) if is_explicit else []


FILLED = (
    "Google's client fills an empty {field} in requests of {methods}, anew for each, and prong"
    " sends them as they are: give each one of your own, by which the server knows a repeat")


def filled(client, method):
    """The fields that a client fills in an empty request."""
    message = pb_class(method.request_class).FromString(client.sent(method).message)
    return [field.name for field, _ in message.ListFields()]


def listed(methods):
    more = len(methods) - NAMED
    return ", ".join(methods[:NAMED]) + (f" and {more} more" if more > 0 else "")
