// What Swift cannot say by itself to gRPC's C-core: macros, and the two hot batches built without a
// detour. Pass-throughs only: no policy, no memory of its own beyond the structs given in, and no
// static variable, since each object file that uses this header would have one of its own.
//
// No pkgConfig here: SwiftPM expands grpc.pc's graph of abseil libraries without removing repeats,
// and the link line becomes longer than the kernel takes.
#ifndef PRONG_CGRPC_SHIM_H
#define PRONG_CGRPC_SHIM_H

// First, before gRPC's headers define _GNU_SOURCE: the C library's types must look as they do in
// Swift's own module of it, or the importer sees two different types of one name.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#pragma clang assume_nonnull begin

// ---- time ------------------------------------------------------------------------------------

// CLOCK_MONOTONIC in nanoseconds; UINT64_MAX stands for "never".
static inline gpr_timespec CGRPC_deadline(uint64_t nanoseconds) {
    if (nanoseconds == UINT64_MAX) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    gpr_timespec time;
    time.tv_sec = (int64_t)(nanoseconds / 1000000000u);
    time.tv_nsec = (int32_t)(nanoseconds % 1000000000u);
    time.clock_type = GPR_CLOCK_MONOTONIC;
    return time;
}

// Back to CLOCK_MONOTONIC nanoseconds, UINT64_MAX for "never", 0 for what lies before the clock.
static inline uint64_t CGRPC_nanoseconds(gpr_timespec time) {
    if (gpr_time_cmp(time, gpr_inf_future(time.clock_type)) == 0) return UINT64_MAX;
    gpr_timespec monotonic = gpr_convert_clock_type(time, GPR_CLOCK_MONOTONIC);
    if (monotonic.tv_sec < 0) return 0;
    return (uint64_t)monotonic.tv_sec * 1000000000u + (uint64_t)monotonic.tv_nsec;
}

// ---- slices and byte buffers -----------------------------------------------------------------

// GRPC_SLICE_START_PTR and GRPC_SLICE_LENGTH are macros. A short slice holds its bytes itself, so
// the pointer is good only while the struct stays where it is.
static inline const uint8_t *CGRPC_slice_start(const grpc_slice *slice) {
    return GRPC_SLICE_START_PTR(*slice);
}

static inline size_t CGRPC_slice_length(const grpc_slice *slice) {
    return GRPC_SLICE_LENGTH(*slice);
}

static inline grpc_slice CGRPC_slice(const void *_Nullable bytes, size_t length) {
    return length == 0 ? grpc_empty_slice()
                       : grpc_slice_from_copied_buffer((const char *)bytes, length);
}

static inline grpc_byte_buffer *CGRPC_buffer(const void *_Nullable bytes, size_t length) {
    grpc_slice slice = CGRPC_slice(bytes, length);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

// Copies at most `capacity` bytes of the buffer to `bytes` and says how many.
static inline size_t CGRPC_copy_buffer(grpc_byte_buffer *buffer, uint8_t *bytes, size_t capacity) {
    grpc_byte_buffer_reader reader;
    if (!grpc_byte_buffer_reader_init(&reader, buffer)) return 0;
    size_t filled = 0;
    grpc_slice *_Nullable piece;
    while (grpc_byte_buffer_reader_peek(&reader, (grpc_slice **)&piece)) {
        size_t length = GRPC_SLICE_LENGTH(*piece);
        if (length > capacity - filled) break;
        memcpy(bytes + filled, GRPC_SLICE_START_PTR(*piece), length);
        filled += length;
    }
    grpc_byte_buffer_reader_destroy(&reader);
    return filled;
}

// ---- channel arguments -----------------------------------------------------------------------

static inline grpc_arg CGRPC_integer_argument(char *key, int value) {
    grpc_arg argument;
    memset(&argument, 0, sizeof argument);
    argument.type = GRPC_ARG_INTEGER;
    argument.key = key;
    argument.value.integer = value;
    return argument;
}

static inline grpc_arg CGRPC_string_argument(char *key, char *value) {
    grpc_arg argument;
    memset(&argument, 0, sizeof argument);
    argument.type = GRPC_ARG_STRING;
    argument.key = key;
    argument.value.string = value;
    return argument;
}

// ---- waking a completion queue from another thread -------------------------------------------

// An empty batch on a call that is never used otherwise puts its tag into the queue at once; by
// grpc.h this may be done from any thread. `pending` folds many wakes into one event.
typedef struct {
    grpc_call *_Nullable call;
    void *_Nullable tag;
    int pending;
} CGRPC_Wake;

static inline void CGRPC_wake(CGRPC_Wake *wake) {
    if (__atomic_exchange_n(&wake->pending, 1, __ATOMIC_ACQ_REL) != 0) return;
    (void)grpc_call_start_batch(wake->call, NULL, 0, wake->tag, NULL);
}

static inline void CGRPC_wake_seen(CGRPC_Wake *wake) {
    __atomic_store_n(&wake->pending, 0, __ATOMIC_RELEASE);
}

// ---- client calls ----------------------------------------------------------------------------

static inline grpc_call *_Nullable CGRPC_create_call(
    grpc_channel *channel, grpc_completion_queue *queue, const void *path, size_t path_length,
    uint64_t deadline_nanoseconds) {
    grpc_slice method = CGRPC_slice(path, path_length);
    grpc_call *call =
        grpc_channel_create_call(channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue, method, NULL,
                                 CGRPC_deadline(deadline_nanoseconds), NULL);
    grpc_slice_unref(method);
    return call;
}

// All that C-core writes into during one client call; must not move while a batch is under way.
typedef struct {
    grpc_call *_Nullable call;
    grpc_byte_buffer *_Nullable response;
    grpc_metadata_array initial_metadata;
    grpc_metadata_array trailing_metadata;
    grpc_status_code status;
    grpc_slice status_message;
    const char *_Nullable error_string;
} CGRPC_Client;

static inline void CGRPC_client_init(CGRPC_Client *client) {
    memset(client, 0, sizeof *client);
    grpc_metadata_array_init(&client->initial_metadata);
    grpc_metadata_array_init(&client->trailing_metadata);
    client->status_message = grpc_empty_slice();
}

// Frees what a finished call left and makes the struct ready for another one; the arrays keep
// their memory. The elements of the arrays belong to the call and go with it.
static inline void CGRPC_client_reset(CGRPC_Client *client) {
    if (client->response != NULL) grpc_byte_buffer_destroy(client->response);
    client->response = NULL;
    grpc_slice_unref(client->status_message);
    client->status_message = grpc_empty_slice();
    if (client->error_string != NULL) gpr_free((void *)client->error_string);
    client->error_string = NULL;
    client->status = GRPC_STATUS_OK;
    client->initial_metadata.count = 0;
    client->trailing_metadata.count = 0;
    if (client->call != NULL) grpc_call_unref(client->call);
    client->call = NULL;
}

static inline void CGRPC_client_destroy(CGRPC_Client *client) {
    CGRPC_client_reset(client);
    grpc_metadata_array_destroy(&client->initial_metadata);
    grpc_metadata_array_destroy(&client->trailing_metadata);
}

// Unary: all six operations in one batch. Without RECV_INITIAL_METADATA the call would hang.
static inline grpc_call_error CGRPC_start_unary(
    CGRPC_Client *client, grpc_metadata *_Nullable metadata, size_t metadata_count,
    uint32_t initial_flags, const void *_Nullable request, size_t request_length, void *tag) {
    grpc_byte_buffer *buffer = CGRPC_buffer(request, request_length);
    grpc_op ops[6];
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].flags = initial_flags;
    ops[0].data.send_initial_metadata.count = metadata_count;
    ops[0].data.send_initial_metadata.metadata = metadata;
    ops[1].op = GRPC_OP_SEND_MESSAGE;
    ops[1].data.send_message.send_message = buffer;
    ops[2].op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    ops[3].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &client->initial_metadata;
    ops[4].op = GRPC_OP_RECV_MESSAGE;
    ops[4].data.recv_message.recv_message = &client->response;
    ops[5].op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    ops[5].data.recv_status_on_client.trailing_metadata = &client->trailing_metadata;
    ops[5].data.recv_status_on_client.status = &client->status;
    ops[5].data.recv_status_on_client.status_details = &client->status_message;
    ops[5].data.recv_status_on_client.error_string = &client->error_string;
    grpc_call_error error = grpc_call_start_batch(client->call, ops, 6, tag, NULL);
    // The batch took the slices; the shell is the caller's.
    grpc_byte_buffer_destroy(buffer);
    return error;
}

// Streams: the head goes out and is awaited for the server's in one batch, the status in another.
static inline grpc_call_error CGRPC_start_stream(
    CGRPC_Client *client, grpc_metadata *_Nullable metadata, size_t metadata_count, void *tag) {
    grpc_op ops[2];
    memset(ops, 0, sizeof ops);
    ops[0].op = GRPC_OP_SEND_INITIAL_METADATA;
    ops[0].data.send_initial_metadata.count = metadata_count;
    ops[0].data.send_initial_metadata.metadata = metadata;
    ops[1].op = GRPC_OP_RECV_INITIAL_METADATA;
    ops[1].data.recv_initial_metadata.recv_initial_metadata = &client->initial_metadata;
    return grpc_call_start_batch(client->call, ops, 2, tag, NULL);
}

static inline grpc_call_error CGRPC_receive_status(CGRPC_Client *client, void *tag) {
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_STATUS_ON_CLIENT;
    op.data.recv_status_on_client.trailing_metadata = &client->trailing_metadata;
    op.data.recv_status_on_client.status = &client->status;
    op.data.recv_status_on_client.status_details = &client->status_message;
    op.data.recv_status_on_client.error_string = &client->error_string;
    return grpc_call_start_batch(client->call, &op, 1, tag, NULL);
}

// ---- either side -----------------------------------------------------------------------------

static inline grpc_call_error CGRPC_receive_message(
    grpc_call *call, grpc_byte_buffer *_Nullable *_Nonnull message, void *tag) {
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_MESSAGE;
    op.data.recv_message.recv_message = (grpc_byte_buffer **)message;
    return grpc_call_start_batch(call, &op, 1, tag, NULL);
}

static inline grpc_call_error CGRPC_send_message(
    grpc_call *call, const void *_Nullable bytes, size_t length, uint32_t flags, void *tag) {
    grpc_byte_buffer *buffer = CGRPC_buffer(bytes, length);
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_SEND_MESSAGE;
    op.flags = flags;
    op.data.send_message.send_message = buffer;
    grpc_call_error error = grpc_call_start_batch(call, &op, 1, tag, NULL);
    grpc_byte_buffer_destroy(buffer);
    return error;
}

static inline grpc_call_error CGRPC_send_close(grpc_call *call, void *tag) {
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT;
    return grpc_call_start_batch(call, &op, 1, tag, NULL);
}

// ---- server calls ----------------------------------------------------------------------------

// All that C-core writes into during one server call; must not move before the call's end.
typedef struct {
    grpc_call *_Nullable call;
    grpc_call_details details;
    grpc_metadata_array request_metadata;
    grpc_byte_buffer *_Nullable message;
    int cancelled;
} CGRPC_Server;

static inline void CGRPC_server_init(CGRPC_Server *server) {
    memset(server, 0, sizeof *server);
    grpc_call_details_init(&server->details);
    grpc_metadata_array_init(&server->request_metadata);
}

static inline void CGRPC_server_reset(CGRPC_Server *server) {
    if (server->message != NULL) grpc_byte_buffer_destroy(server->message);
    server->message = NULL;
    server->cancelled = 0;
    server->request_metadata.count = 0;
    grpc_call_details_destroy(&server->details);
    grpc_call_details_init(&server->details);
    if (server->call != NULL) grpc_call_unref(server->call);
    server->call = NULL;
}

static inline void CGRPC_server_destroy(CGRPC_Server *server) {
    CGRPC_server_reset(server);
    grpc_call_details_destroy(&server->details);
    grpc_metadata_array_destroy(&server->request_metadata);
}

static inline grpc_call_error CGRPC_receive_close(CGRPC_Server *server, void *tag) {
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_RECV_CLOSE_ON_SERVER;
    op.data.recv_close_on_server.cancelled = &server->cancelled;
    return grpc_call_start_batch(server->call, &op, 1, tag, NULL);
}

static inline grpc_call_error CGRPC_send_initial_metadata(
    grpc_call *call, grpc_metadata *_Nullable metadata, size_t metadata_count, void *tag) {
    grpc_op op;
    memset(&op, 0, sizeof op);
    op.op = GRPC_OP_SEND_INITIAL_METADATA;
    op.data.send_initial_metadata.count = metadata_count;
    op.data.send_initial_metadata.metadata = metadata;
    return grpc_call_start_batch(call, &op, 1, tag, NULL);
}

typedef struct {
    grpc_status_code status;
    const void *_Nullable text;
    size_t text_length;
    grpc_metadata *_Nullable headers;
    size_t header_count;
    grpc_metadata *_Nullable trailers;
    size_t trailer_count;
    // NULL: no message in this batch.
    const void *_Nullable message;
    size_t message_length;
    int has_message;
    int sends_headers;
    int receives_close;
} CGRPC_Finish;

// The end of a server call in one batch. Headers are part of it unless they went out before: a
// status without initial metadata would never reach the client.
static inline grpc_call_error CGRPC_finish(
    CGRPC_Server *server, const CGRPC_Finish *finish, void *tag) {
    grpc_op ops[4];
    memset(ops, 0, sizeof ops);
    size_t count = 0;
    if (finish->sends_headers) {
        ops[count].op = GRPC_OP_SEND_INITIAL_METADATA;
        ops[count].data.send_initial_metadata.count = finish->header_count;
        ops[count++].data.send_initial_metadata.metadata = finish->headers;
    }
    grpc_byte_buffer *buffer = NULL;
    if (finish->has_message) {
        buffer = CGRPC_buffer(finish->message, finish->message_length);
        ops[count].op = GRPC_OP_SEND_MESSAGE;
        ops[count++].data.send_message.send_message = buffer;
    }
    if (finish->receives_close) {
        ops[count].op = GRPC_OP_RECV_CLOSE_ON_SERVER;
        ops[count++].data.recv_close_on_server.cancelled = &server->cancelled;
    }
    grpc_slice text = CGRPC_slice(finish->text, finish->text_length);
    ops[count].op = GRPC_OP_SEND_STATUS_FROM_SERVER;
    ops[count].data.send_status_from_server.status = finish->status;
    ops[count].data.send_status_from_server.status_details = finish->text_length ? &text : NULL;
    ops[count].data.send_status_from_server.trailing_metadata_count = finish->trailer_count;
    ops[count++].data.send_status_from_server.trailing_metadata = finish->trailers;
    grpc_call_error error = grpc_call_start_batch(server->call, ops, count, tag, NULL);
    if (buffer != NULL) grpc_byte_buffer_destroy(buffer);
    grpc_slice_unref(text);
    return error;
}

#pragma clang assume_nonnull end

#endif
