// libpq, and the few system calls that waiting for its sockets takes.
#include <libpq-fe.h>

// The kernel's readiness interface, which Swift's Glibc module leaves out.
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#ifndef POLLRDHUP  // in poll.h for _GNU_SOURCE only
#define POLLRDHUP 0x2000
#endif

static inline int deskwire_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int deskwire_eventfd_create(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

// One event at most, then silence until the socket is armed again.
static inline int deskwire_epoll_arm(int epoll, int operation, int socket, int reads, int writes, uint64_t token) {
    struct epoll_event event = {
        .events = EPOLLONESHOT | (reads ? EPOLLIN | EPOLLRDHUP : 0) | (writes ? EPOLLOUT : 0),
        .data.u64 = token,
    };
    return epoll_ctl(epoll, operation, socket, &event);
}

// Blocks until something happens and says whose it is: the tokens of what is ready.
static inline int deskwire_epoll_wait(int epoll, uint64_t *tokens, int capacity, int timeout_ms) {
    struct epoll_event events[128];
    int count = epoll_wait(epoll, events, capacity < 128 ? capacity : 128, timeout_ms);
    for (int i = 0; i < count; i++) tokens[i] = events[i].data.u64;
    return count;
}

// 0: nothing to read, 1: something to read, -1: the other side has closed.
static inline int deskwire_socket_state(int socket) {
    struct pollfd descriptor = {.fd = socket, .events = POLLIN | POLLRDHUP};
    if (poll(&descriptor, 1, 0) <= 0) return 0;
    return descriptor.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL) ? -1 : 1;
}
