"""The table of a target for one service, as a user would write it who runs an emulator."""

from support import target_table


def set_table(name, address, files, service, lines=""):
    """`files`: a set and a service config, without their endings."""
    return target_table(name, address, f"{files}.binpb", f"""
service_config = "{files}.service_config.json"
services = ["{service}"]
{lines}""")
