"""The gRPC service config of clients: the timeout and the retries that each method has by default.

`maxAttempts` is left out, as in the files that Google publishes: its clients try until the method's
timeout is over, however often that is. `timeout` is that total."""

import grpc
from google.api_core import exceptions

# Order and spelling as in grpc's own documentation of the file.
RETRYABLE = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]


def service_config(clients):
    """The whole file, as an object for json.dumps. Methods with one policy stand together."""
    groups = {}
    for client in clients:
        for method in client.own_methods:
            policy = method_policy(method)
            if policy:
                names = groups.setdefault(repr(policy), (policy, []))[1]
                names.append({"service": method.service, "method": method.name})
    return {"methodConfig": [{"name": names, **policy} for policy, names in groups.values()]}


def method_policy(method):
    policy = {}
    if method.timeout:
        policy["timeout"] = seconds(method.timeout)
    retry = method.retry and retry_policy(method.retry)
    if retry:
        policy["retryPolicy"] = retry
    return policy


def retry_policy(retry):
    """google.api_core's Retry as a retryPolicy; None where it tries nothing again."""
    codes = [code.name for code in RETRYABLE
             if retry._predicate(exceptions.from_grpc_status(code, ""))]
    if not codes:
        return None
    return {
        "initialBackoff": seconds(retry._initial),
        "maxBackoff": seconds(retry._maximum),
        "backoffMultiplier": retry._multiplier,
        "retryableStatusCodes": codes,
    }


def seconds(value):
    """protobuf's JSON form of a duration: 20.0 is "20s", 0.1 is "0.1s"."""
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"
