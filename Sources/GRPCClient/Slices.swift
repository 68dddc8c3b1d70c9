// Bytes out of C-core's slices and byte buffers, copied once.

internal import CGRPC

/// The slice's bytes as text; what is not UTF-8 is replaced.
func text(of slice: UnsafePointer<grpc_slice>) -> String {
    let length = CGRPC_slice_length(slice)
    guard length > 0 else { return "" }
    let bytes = UnsafeBufferPointer(start: CGRPC_slice_start(slice), count: length)
    return String(decoding: bytes, as: UTF8.self)
}

func bytes(of slice: UnsafePointer<grpc_slice>) -> [UInt8] {
    let length = CGRPC_slice_length(slice)
    guard length > 0 else { return [] }
    return Array(UnsafeBufferPointer(start: CGRPC_slice_start(slice), count: length))
}

/// A message's bytes.
func message(in buffer: UnsafeMutablePointer<grpc_byte_buffer>) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: grpc_byte_buffer_length(buffer)) { memory, count in
        guard let start = memory.baseAddress else { return }
        count = CGRPC_copy_buffer(buffer, start, memory.count)
    }
}
