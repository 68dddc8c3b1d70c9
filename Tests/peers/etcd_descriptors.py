#!/usr/bin/env python3
"""Writes etcd's FileDescriptorSet, taken from the modules of the Python package aetcd.

  etcd_descriptors.py FILE
"""

import sys

from google.protobuf import descriptor_pb2

from aetcd.rpc import rpc_pb2


def descriptor_set(*files):
    """The files and all they import, each after what it imports."""
    result = descriptor_pb2.FileDescriptorSet()
    seen = set()

    def add(file):
        if file.name in seen:
            return
        seen.add(file.name)
        for dependency in file.dependencies:
            add(dependency)
        file.CopyToProto(result.file.add())

    for file in files:
        add(file)
    return result


def write(path):
    with open(path, "wb") as out:
        out.write(descriptor_set(rpc_pb2.DESCRIPTOR).SerializeToString())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1])
