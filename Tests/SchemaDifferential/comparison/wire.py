"""A small walk over protobuf bytes, for a difference in what is unknown in maps."""



def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value & (2**64 - 1), at


def put_varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


WIRE_TYPES = {1: 1, 2: 5, 6: 1, 7: 5, 9: 2, 10: 3, 11: 2, 12: 2, 15: 5, 16: 1}


def group_end(data, at):
    """Where the fields of the group that begins at `at` end, and what follows its end."""
    while True:
        start = at
        tag, at = varint(data, at)
        if tag & 7 == 4:
            return start, at
        at = group_end(data, at)[1] if tag & 7 == 3 else after_value(data, at, tag & 7)


def after_value(data, at, kind):
    if kind == 2:
        length, at = varint(data, at)
        return at + length
    return varint(data, at)[1] if kind == 0 else at + (8 if kind == 1 else 4)


def plain_any(world, data):
    try:
        message = world.new("google.protobuf.Any")
        message.MergeFromString(data)
        inner = world.pool.FindMessageTypeByName(message.type_url.split("/")[-1])
        message.value = plain_entries(world, inner, message.value)
        return message.SerializeToString()
    except Exception:
        return bytes(data)


def plain_entries(world, descriptor, data, only=None):
    """The message without what is unknown in the entries of its maps."""
    if descriptor.full_name == "google.protobuf.Any":
        return plain_any(world, data)
    out = bytearray()
    at = 0
    try:
        while at < len(data):
            start = at
            tag, at = varint(data, at)
            number, kind = tag >> 3, tag & 7
            body = varint(data, at)[1] if kind == 2 else at
            if kind == 3:
                stop, at = group_end(data, at)
            else:
                stop = at = after_value(data, at, kind)
            field = descriptor.fields_by_number.get(number) or next(
                (x for x in world.extensions.get(descriptor.full_name, []) if x.number == number),
                None)
            if only and (field is None or kind != WIRE_TYPES.get(field.type, 0)):
                continue
            if field is not None and field.message_type is not None and kind in (2, 3):
                inner = plain_entries(world, field.message_type, data[body:stop],
                                      only=field.message_type.GetOptions().map_entry)
                out += put_varint(tag) + (put_varint(len(inner)) if kind == 2 else b"") + inner
                out += data[stop:at]
            else:
                out += data[start:at]
    except IndexError:
        return bytes(data)
    return bytes(out)
