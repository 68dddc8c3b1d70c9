// What prong needs of OpenSSL beside C-core's own use of it: a TLS client connection over a socket
// that somebody else owns, signatures with a private key, and digests. Its owner is TokenExchange.
// OpenSSL's types stay behind these two handles; a handle belongs to one thread at a time.
#ifndef CTLS_H
#define CTLS_H

#include <stddef.h>
#include <stdint.h>

typedef struct CTLS_connection CTLS_connection;
typedef struct CTLS_key CTLS_key;

enum {
    CTLS_DONE = 0,
    CTLS_WANTS_READ = 1,
    CTLS_WANTS_WRITE = 2,
    // The other side ended the connection, in order.
    CTLS_CLOSED = 3,
    CTLS_FAILED = 4,
};

enum { CTLS_KEY_OTHER = 0, CTLS_KEY_RSA = 1, CTLS_KEY_P256 = 2 };

// A client on a connected, non-blocking socket, which stays the caller's. Trusts the system's roots
// (OpenSSL's own places, SSL_CERT_FILE and SSL_CERT_DIR) and those in `roots` (PEM; NULL: none),
// and takes no server but `host`, a name or an address. NULL: see `error`.
CTLS_connection *_Nullable CTLS_open(int fd, const char *_Nonnull host, const char *_Nullable roots,
                                     char *_Nonnull error, size_t error_size);
void CTLS_close(CTLS_connection *_Nonnull connection);

// Each returns one of the results above; nothing is written before the handshake is done and the
// server's certificate is verified. After CTLS_FAILED `error` says why.
int CTLS_handshake(CTLS_connection *_Nonnull connection, char *_Nonnull error, size_t error_size);
int CTLS_write(CTLS_connection *_Nonnull connection, const uint8_t *_Nonnull bytes, size_t count,
               size_t *_Nonnull written, char *_Nonnull error, size_t error_size);
int CTLS_read(CTLS_connection *_Nonnull connection, uint8_t *_Nonnull bytes, size_t room,
              size_t *_Nonnull count, char *_Nonnull error, size_t error_size);

// A private key in PEM, without a passphrase; NULL if it is none. Never asks anybody.
CTLS_key *_Nullable CTLS_key_parse(const uint8_t *_Nonnull pem, size_t count);
void CTLS_key_free(CTLS_key *_Nonnull key);
int CTLS_key_kind(const CTLS_key *_Nonnull key);

// SHA-256 with the key, as a JSON Web Signature has it (RFC 7518): RSA PKCS #1 v1.5, or the two
// numbers of ECDSA one after the other. Returns the signature's length, 0 if `room` is too small or
// OpenSSL refuses.
size_t CTLS_key_sign(const CTLS_key *_Nonnull key, const uint8_t *_Nonnull data, size_t count,
                     uint8_t *_Nonnull signature, size_t room);

// SHA-256 and HMAC with it (RFC 2104) into the CTLS_DIGEST_BYTES at `digest`; 0 if OpenSSL refuses.
enum { CTLS_DIGEST_BYTES = 32 };
int CTLS_sha256(const uint8_t *_Nonnull data, size_t count, uint8_t *_Nonnull digest);
int CTLS_hmac_sha256(const uint8_t *_Nonnull key, size_t key_count, const uint8_t *_Nonnull data,
                     size_t count, uint8_t *_Nonnull digest);

#endif
