// The shim over OpenSSL: see CTLS.h. It keeps no state of its own but what its handles hold.
#include "CTLS.h"

#include <limits.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CTLS_connection {
    SSL_CTX *context;
    SSL *ssl;
};

struct CTLS_key {
    EVP_PKEY *pkey;
};

// OpenSSL's own words for the first error of this thread; they name what went wrong, no content.
static void explain(char *error, size_t size, const char *otherwise) {
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(error, size, "%s", reason ? reason : otherwise);
    ERR_clear_error();
}

static int trust(SSL_CTX *context, const char *roots) {
    BIO *bio = BIO_new_mem_buf(roots, -1);
    if (!bio) return 0;
    X509 *certificate;
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate);
        X509_free(certificate);
    }
    BIO_free(bio);
    // The end of the list is reported as an error as well.
    ERR_clear_error();
    return 1;
}

static int expect(SSL *ssl, const char *host) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ERR_clear_error();
    if (address) {
        ASN1_OCTET_STRING_free(address);
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

CTLS_connection *CTLS_open(int fd, const char *host, const char *roots, char *error,
                           size_t error_size) {
    ERR_clear_error();
    CTLS_connection *connection = calloc(1, sizeof *connection);
    if (!connection) return NULL;
    connection->context = SSL_CTX_new(TLS_client_method());
    if (!connection->context) goto failed;
    SSL_CTX_set_verify(connection->context, SSL_VERIFY_PEER, NULL);
    if (!SSL_CTX_set_min_proto_version(connection->context, TLS1_2_VERSION)) goto failed;
    if (!SSL_CTX_set_default_verify_paths(connection->context)) goto failed;
    if (roots && !trust(connection->context, roots)) goto failed;
    ERR_clear_error();
    connection->ssl = SSL_new(connection->context);
    if (!connection->ssl || !SSL_set_fd(connection->ssl, fd)) goto failed;
    if (!expect(connection->ssl, host)) goto failed;
    SSL_set_connect_state(connection->ssl);
    SSL_set_mode(connection->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return connection;
failed:
    explain(error, error_size, "TLS cannot be set up");
    CTLS_close(connection);
    return NULL;
}

void CTLS_close(CTLS_connection *connection) {
    SSL_free(connection->ssl);
    SSL_CTX_free(connection->context);
    free(connection);
}

static int outcome(CTLS_connection *connection, int result, char *error, size_t error_size) {
    switch (SSL_get_error(connection->ssl, result)) {
    case SSL_ERROR_WANT_READ: return CTLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE: return CTLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN: return CTLS_CLOSED;
    default: break;
    }
    long verified = SSL_get_verify_result(connection->ssl);
    if (verified != X509_V_OK) {
        snprintf(error, error_size, "its certificate is not trusted: %s",
                 X509_verify_cert_error_string(verified));
        ERR_clear_error();
    } else {
        explain(error, error_size, "the connection was cut");
    }
    return CTLS_FAILED;
}

int CTLS_handshake(CTLS_connection *connection, char *error, size_t error_size) {
    ERR_clear_error();
    int result = SSL_do_handshake(connection->ssl);
    return result == 1 ? CTLS_DONE : outcome(connection, result, error, error_size);
}

int CTLS_write(CTLS_connection *connection, const uint8_t *bytes, size_t count, size_t *written,
               char *error, size_t error_size) {
    ERR_clear_error();
    int result = SSL_write_ex(connection->ssl, bytes, count, written);
    return result == 1 ? CTLS_DONE : outcome(connection, result, error, error_size);
}

int CTLS_read(CTLS_connection *connection, uint8_t *bytes, size_t room, size_t *count, char *error,
              size_t error_size) {
    ERR_clear_error();
    int result = SSL_read_ex(connection->ssl, bytes, room, count);
    return result == 1 ? CTLS_DONE : outcome(connection, result, error, error_size);
}

// Without it OpenSSL asks for a passphrase at the terminal.
static int no_passphrase(char *buffer, int size, int is_write, void *context) {
    (void)buffer, (void)size, (void)is_write, (void)context;
    return -1;
}

CTLS_key *CTLS_key_parse(const uint8_t *pem, size_t count) {
    if (count > INT_MAX) return NULL;
    ERR_clear_error();
    BIO *bio = BIO_new_mem_buf(pem, (int)count);
    if (!bio) return NULL;
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (!pkey) return NULL;
    CTLS_key *key = calloc(1, sizeof *key);
    if (!key) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    key->pkey = pkey;
    return key;
}

void CTLS_key_free(CTLS_key *key) {
    EVP_PKEY_free(key->pkey);
    free(key);
}

int CTLS_key_kind(const CTLS_key *key) {
    if (EVP_PKEY_is_a(key->pkey, "RSA")) return CTLS_KEY_RSA;
    char group[32];
    if (!EVP_PKEY_is_a(key->pkey, "EC") ||
        !EVP_PKEY_get_group_name(key->pkey, group, sizeof group, NULL))
        return CTLS_KEY_OTHER;
    return strcmp(group, "prime256v1") == 0 ? CTLS_KEY_P256 : CTLS_KEY_OTHER;
}

// From ASN.1 to r and s, 32 bytes each.
static size_t flatten(const uint8_t *der, size_t count, uint8_t *signature, size_t room) {
    const unsigned char *place = der;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &place, (long)count);
    if (!numbers) return 0;
    size_t length = 0;
    if (room >= 64 && BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, 32) == 32 &&
        BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + 32, 32) == 32)
        length = 64;
    ECDSA_SIG_free(numbers);
    return length;
}

size_t CTLS_key_sign(const CTLS_key *key, const uint8_t *data, size_t count, uint8_t *signature,
                     size_t room) {
    int kind = CTLS_key_kind(key);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t raw[1024];
    size_t length = sizeof raw;
    if (!context) return 0;
    int is_good = kind != CTLS_KEY_OTHER &&
                  EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
                  EVP_DigestSign(context, raw, &length, data, count) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    if (!is_good) return 0;
    if (kind == CTLS_KEY_P256) return flatten(raw, length, signature, room);
    if (length > room) return 0;
    memcpy(signature, raw, length);
    return length;
}

int CTLS_sha256(const uint8_t *data, size_t count, uint8_t *digest) {
    int is_good = EVP_Digest(data, count, digest, NULL, EVP_sha256(), NULL) == 1;
    ERR_clear_error();
    return is_good;
}

int CTLS_hmac_sha256(const uint8_t *key, size_t key_count, const uint8_t *data, size_t count,
                     uint8_t *digest) {
    if (key_count > INT_MAX) return 0;
    int is_good = HMAC(EVP_sha256(), key, (int)key_count, data, count, digest, NULL) != NULL;
    ERR_clear_error();
    return is_good;
}
