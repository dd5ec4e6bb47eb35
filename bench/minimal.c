/* minimal - the smallest server that does the fan-out of a chat: what the kernel allows.
 *
 * One thread, epoll. What clients say in one turn of the loop is appended to one shared log;
 * each client is an offset into it; at the end of the turn everybody who is behind gets one
 * send() from its offset to the end. A line that anybody says goes to all, the speaker
 * included. Nothing is looked at but line ends: no nick, no UTF-8, no greeting, no history.
 *
 *   cc -O2 -o minimal minimal.c && ./minimal PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (64 * 1024)
#define MAX_LINE (64 * 1024)         /* a client with a longer one is closed */
#define COMPACT_AT (1024 * 1024)     /* below this the log is not worth moving */
#define MAX_BEHIND (64 * 1024 * 1024) /* a client further behind is closed */

struct client {
	int fd;
	int index;         /* in `clients` */
	int waits;         /* for EPOLLOUT: its socket is full */
	char *carry;       /* the unfinished line */
	size_t carry_len;
	uint64_t at;       /* what it has been sent, as a position in the log */
	struct client *next_closed;
};

static int ep, listener;
static struct client **clients;
static int count, capacity;
static char *tail;                  /* the part of the log that somebody still needs */
static size_t tail_len, tail_capacity;
static uint64_t tail_start;         /* position in the log of tail[0] */

static void die(const char *what) {
	fprintf(stderr, "minimal: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *need(void *p) {
	if (!p) die("memory");
	return p;
}

static void listen_for(struct client *c, uint32_t events, int op) {
	struct epoll_event ev = {.events = events, .data.ptr = c};
	if (epoll_ctl(ep, op, c ? c->fd : listener, &ev)) die("epoll_ctl");
}

/* Closed at once, freed at the end of the turn: this turn's events may still point to it. */
static struct client *closed;
static void drop(struct client *c) {
	if (c->fd < 0) return;
	close(c->fd);
	c->fd = -1;
	free(c->carry);
	c->next_closed = closed;
	closed = c;
	clients[c->index] = clients[--count];
	clients[c->index]->index = c->index;
}
static void free_closed(void) {
	while (closed) {
		struct client *next = closed->next_closed;
		free(closed);
		closed = next;
	}
}

static void accept_all(void) {
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED) continue;
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		if (count == capacity) {
			capacity = capacity ? capacity * 2 : 1024;
			clients = need(realloc(clients, capacity * sizeof *clients));
		}
		struct client *c = need(calloc(1, sizeof *c));
		c->fd = fd, c->index = count, c->at = tail_start + tail_len;
		clients[count++] = c;
		listen_for(c, EPOLLIN, EPOLL_CTL_ADD);
	}
}

/* Reads straight into the log, behind the unfinished line of last time. */
static void read_from(struct client *c) {
	size_t room = tail_len + c->carry_len + READ_SIZE;
	if (room > tail_capacity) {
		tail_capacity = room * 2;
		tail = need(realloc(tail, tail_capacity));
	}
	char *at = tail + tail_len;
	if (c->carry_len) memcpy(at, c->carry, c->carry_len);
	ssize_t n = recv(c->fd, at + c->carry_len, READ_SIZE, 0);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) drop(c);
		return;
	}
	size_t len = c->carry_len + n;
	char *last = memrchr(at, '\n', len);
	size_t whole = last ? last + 1 - at : 0, rest = len - whole;
	tail_len += whole;
	if (rest > MAX_LINE) {
		drop(c);
		return;
	}
	if (rest) {
		c->carry = need(realloc(c->carry, rest));
		memcpy(c->carry, at + whole, rest);
	}
	c->carry_len = rest;
}

static void write_to(struct client *c) {
	uint64_t end = tail_start + tail_len;
	ssize_t n = send(c->fd, tail + (c->at - tail_start), end - c->at, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			drop(c);
			return;
		}
		n = 0;
	}
	c->at += n;
	int waits = c->at < end;
	if (waits != c->waits) {
		listen_for(c, EPOLLIN | (waits ? EPOLLOUT : 0), EPOLL_CTL_MOD);
		c->waits = waits;
	}
}

/* Everybody who is behind gets what there is; then what all have is forgotten. */
static void end_of_turn(void) {
	uint64_t end = tail_start + tail_len, slowest = end;
	for (int i = count - 1; i >= 0; i--) { /* downwards: drop() moves the last one here */
		struct client *c = clients[i];
		if (c->at < end && !c->waits) write_to(c);
		if (c->fd >= 0 && end - c->at > MAX_BEHIND) drop(c);
		if (c->fd >= 0 && c->at < slowest) slowest = c->at;
	}
	size_t done = slowest - tail_start;
	if (slowest == end || (done >= COMPACT_AT && done >= tail_len / 2)) {
		tail_len -= done;
		memmove(tail, tail + done, tail_len);
		tail_start = slowest;
	}
}

int main(int argc, char **argv) {
	if (argc != 2) {
		fputs("usage: minimal PORT\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	struct rlimit limit;
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	int one = 1;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socklen_t length = sizeof address;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&address, length)) die("bind");
	if (listen(listener, 4096)) die("listen");
	getsockname(listener, (struct sockaddr *)&address, &length);
	ep = epoll_create1(EPOLL_CLOEXEC);
	listen_for(NULL, EPOLLIN, EPOLL_CTL_ADD);
	printf("minimal listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (;;) {
		static struct epoll_event events[512];
		int n = epoll_wait(ep, events, 512, -1);
		if (n < 0 && errno != EINTR) die("epoll_wait");
		size_t before = tail_len;
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;
			if (!c) {
				accept_all();
				continue;
			}
			if (c->fd >= 0 && events[i].events & EPOLLOUT) write_to(c);
			if (c->fd >= 0 && events[i].events & ~EPOLLOUT) read_from(c);
		}
		if (tail_len != before || tail_len > COMPACT_AT) end_of_turn();
		free_closed();
	}
}
