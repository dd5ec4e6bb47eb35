/* trouble - treats a server of line clients roughly, and sees whether it stays there.
 *
 *   trouble resets PORT COUNT MAX_SECONDS       connects and resets, COUNT of them in batches
 *   trouble noise PORT CONNECTIONS SECONDS SEED random bytes from many connections at once
 *   trouble frames PORT CONNECTIONS SECONDS SEED  the same for a port with ten-digit length prefixes
 *
 * The result is one JSON object on stdout. Exit status: 0 done; 2 could not run.
 *
 *   cc -O2 -o trouble trouble.c
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 100
#define MAX_CONNECTIONS 4000
#define CHUNK 4096
#define CONNECT_SECONDS 5

static struct sockaddr_in server = {.sin_family = AF_INET};

static double now(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Connected, or -1 where the server does not take it in time. */
static int connected(void) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	if (fd < 0) {
		perror("trouble: socket");
		exit(2);
	}
	struct timeval limit = {.tv_sec = CONNECT_SECONDS};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&server, sizeof server)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Closes with a reset: what was under way is thrown away, and no port stays in TIME_WAIT. */
static void reset(int fd) {
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	close(fd);
}

/* ---- connects and resets ---- */

static int resets(int count, double max_seconds) {
	/* gone in silence, in the middle of a line, behind one, and with an answer under way */
	static const char *last_words[] = {"", "half a li", "a line\r\n", "/who\r\n"};
	int fds[BATCH], done = 0, failed = 0;
	double start = now();
	while (done + failed < count && now() - start < max_seconds) {
		int n = 0;
		for (int i = 0; i < BATCH && done + failed + n < count; i++) {
			int fd = connected();
			if (fd < 0) {
				failed++;
				continue;
			}
			const char *words = last_words[i % 4];
			if (*words) send(fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT);
			fds[n++] = fd;
		}
		for (int i = 0; i < n; i++) reset(fds[i]);
		done += n;
	}
	printf("{\"done\":%d,\"failed\":%d,\"seconds\":%.2f}\n", done, failed, now() - start);
	return 0;
}

/* ---- noise ---- */

static uint64_t seed;
static uint32_t random32(void) { /* xorshift64*: the same noise for the same seed */
	seed ^= seed >> 12, seed ^= seed << 25, seed ^= seed >> 27;
	return (seed * 2685821657736338717ull) >> 32;
}
static uint32_t below(uint32_t n) { return random32() % n; }

/* Almost right is harder on a parser than plain noise. */
static const char *scraps[] = {
	"/", "//", "/who\r\n", "/nick ", "/nick a\r\n", "/tell ", "/me ", "/say ", "/history 5\r\n", "/history since=", "/help\r\n",
	"/random 9 1 9\r\n", "/random 99999999999\r\n", "/format json\r\n", "/format text\r\n", "/echo off\r\n", "/quit\r\n", "@a1 /ping\r\n",
	"@a1 /", "@", "\r\n", "\n", "\r", "\xff\xfb\x01", "\xff\xfa\x18", "\xff\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98\x80", "\xed\xa0\x80",
	"\x1b[2J", "\x7f", "\xc2\x9b", "hello\r\n"};
static const char *headers[] = {"         5", "         0", "        -1", "1048576000", "0000000005", "       5  ", "9999999999", "          ", "   1048577"};

static size_t noise(char *to, int frames) {
	size_t n = 0, want = 1 + below(CHUNK - 64);
	while (n < want) {
		uint32_t kind = below(8);
		if (kind < 3) {
			const char *s = scraps[below(sizeof scraps / sizeof *scraps)];
			size_t l = strlen(s);
			memcpy(to + n, s, l), n += l;
		} else if (kind == 3 && frames) {
			memcpy(to + n, headers[below(sizeof headers / sizeof *headers)], 10), n += 10;
		} else if (kind == 4 && frames) { /* a right one */
			size_t l = below(20);
			n += sprintf(to + n, "%10zu", l);
			for (size_t i = 0; i < l; i++) to[n++] = 'a' + below(26);
		} else if (kind == 5 && below(4) == 0) { /* a piece of a line that is too long */
			memset(to + n, 'A', want - n), n = want;
		} else
			for (size_t l = below(64); l && n < want; l--) to[n++] = 1 + below(255);
		if (n < want && below(50) == 0) to[n++] = 0;
	}
	/* '~' marks the lines of those who speak and count meanwhile */
	for (size_t i = 0; i < n; i++)
		if (to[i] == '~') to[i] = 'x';
	return n;
}

static int make_noise(int connections, double seconds, int frames) {
	static struct pollfd polled[MAX_CONNECTIONS];
	static char out[CHUNK + 64], in[64 * 1024];
	uint64_t sent = 0, received = 0, closed = 0, failed = 0;
	if (connections < 1 || connections > MAX_CONNECTIONS) return 2;
	for (int i = 0; i < connections; i++) polled[i].fd = -1;
	double start = now();
	while (now() - start < seconds) {
		for (int i = 0; i < connections; i++) {
			if (polled[i].fd >= 0) continue;
			int fd = connected();
			if (fd < 0) {
				failed++;
				continue;
			}
			fcntl(fd, F_SETFL, O_NONBLOCK);
			polled[i] = (struct pollfd){.fd = fd, .events = POLLIN | POLLOUT};
		}
		poll(polled, connections, 100);
		for (int i = 0; i < connections; i++) {
			int fd = polled[i].fd, gone = 0;
			if (fd < 0) continue;
			if (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) {
				ssize_t n = recv(fd, in, sizeof in, 0);
				if (n > 0) received += n;
				gone = n == 0 || (n < 0 && errno != EAGAIN);
			}
			if (!gone && polled[i].revents & POLLOUT) {
				ssize_t n = send(fd, out, noise(out, frames), MSG_NOSIGNAL);
				if (n > 0) sent += n;
				gone = n < 0 && errno != EAGAIN;
			}
			if (gone) {
				closed++;
				close(fd);
			} else if (below(500) == 0)
				reset(fd);
			else
				continue;
			polled[i].fd = -1;
		}
	}
	printf("{\"bytesSent\":%llu,\"bytesReceived\":%llu,\"closedByServer\":%llu,\"failed\":%llu,\"seconds\":%.2f}\n",
	       (unsigned long long)sent, (unsigned long long)received, (unsigned long long)closed, (unsigned long long)failed,
	       now() - start);
	return 0;
}

int main(int argc, char **argv) {
	if (argc < 5) {
		fputs("usage: trouble resets PORT COUNT MAX_SECONDS | noise|frames PORT CONNECTIONS SECONDS SEED\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	struct rlimit limit;
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	server.sin_port = htons(atoi(argv[2]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!strcmp(argv[1], "resets")) return resets(atoi(argv[3]), atof(argv[4]));
	seed = argc > 5 ? strtoull(argv[5], NULL, 10) | 1 : 1;
	return make_noise(atoi(argv[3]), atof(argv[4]), !strcmp(argv[1], "frames"));
}
