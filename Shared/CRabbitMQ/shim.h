// librabbitmq speaks the protocol (frames, methods, tables); OpenSSL, on which librabbitmq stands, encrypts.
#include <amqp.h>
#include <amqp_framing.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/eventfd.h>

// OpenSSL spells these as macros, which do not import.
static inline int deskwire_tls_set_server_name(SSL *tls, const char *name) {
    return (int)SSL_set_tlsext_host_name(tls, name);
}

static inline int deskwire_tls_require_1_2(SSL_CTX *context) {
    return (int)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

static inline void deskwire_tls_set_write_mode(SSL *tls) {
    SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}
