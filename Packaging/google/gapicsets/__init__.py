"""Reads Google's generated Python clients and writes down, as descriptors and a service config,
what they do. Never opens a connection: a client is called on a channel that only records.

installed   which generated clients a Python package holds
channel     the channel that records
clients     one client: its methods, their types, what it sends, its timeouts and retries
routing     google.api.routing out of a client's code
options     the options of a method, as the .proto had them
files       the descriptor set: every message's file, the services, all imports
policies    the gRPC service config
remarks     what of a client's doing neither of them can say
"""
