/* fanout - load generator for servers that fan small messages out over TCP.
 *
 * Opens subscriber and publisher connections to 127.0.0.1:PORT, says messages on the publishers'
 * and counts, on every connection, every copy that comes back. Each message carries its
 * publisher, its sequence number and its send time, so that a copy that is lost, repeated, out
 * of order or damaged is seen as such, by the connection it was due on.
 *
 *   cc -O2 -o fanout fanout.c
 *
 * Linux only (epoll_pwait2); no other dependency. `fanout --help` has the options. The result is
 * one JSON object on stdout.
 *
 * What counts as a delivery: one copy of one message, whole and in order, read by one
 * connection. The publishers are members too (as in a chat), so a message is due on all
 * connections, or on all but one where the server does not echo to the sender (IRC). Which of
 * these holds is found out before the run starts, by probing.
 *
 * With --pub-port the publishers connect there: to another server, which is to hand their messages
 * on. Their own copies are checked as all others are, but the latency is the subscribers' alone.
 *
 * Flat out (no --rate): publisher i never has more than W messages under way that have not yet
 * reached every connection they are due on. So nothing can pile up without bound in a server,
 * and what is measured is what the server sustains without loss. With --window 0 each publisher
 * sends whatever its socket takes: then it is the server that must hold the speakers back.
 * Paced (--rate R): R messages a second in all, sent open loop at their due times; the latency
 * counts from the due time, so that a late send does not flatter the server.
 * SIGTERM ends the speaking early; what is under way is still waited for and counted.
 *
 * Exit status: 0 every message reached every connection; 1 lost, repeated or damaged ones;
 * 2 could not run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum proto { LINE, IRC, NATS, RESP, MQTT };
static const char *proto_names[] = {"line", "irc", "nats", "resp", "mqtt"};

#define HEAD 26       /* "~~" and 24 hex digits: publisher 3, sequence 7, time 14 */
#define PUB_SYNC 4095 /* probe: is this connection a member yet? */
#define PUB_ECHO 4094 /* probe: who gets whose messages? */
#define MAX_PUBS 4000
#define NO_WINDOW (1u << 20) /* more than any socket and server hold */
#define RBUF (256 * 1024)
#define PRE (64 * 1024) /* room in front of what is read, for the rest of the last read */
#define SENDCAP (64 * 1024)

struct conn {
	int fd, idx;
	int pub;         /* publisher number, or -1 */
	int ready;       /* handshake done */
	int stage;       /* of the handshake */
	int synced;      /* saw a sync probe */
	int probes;      /* echo probes seen */
	int own_probe;   /* saw its own */
	int closed;
	int want_out;    /* EPOLLOUT registered */
	char *keep;      /* unfinished line or packet */
	size_t keep_len, keep_cap;
	char *out;       /* not yet sent */
	size_t out_len, out_off, out_cap;
	uint32_t *next;  /* next sequence number expected, by publisher */
};

struct pub {
	struct conn *c;
	uint32_t sent, full, limit;
	uint32_t warm;  /* messages before this one are not measured */
	uint32_t *cnt; /* copies seen, by sequence number modulo the ring */
};

/* options */
static enum proto proto = LINE;
#define MAX_PIDS 64
static int port = 0, pub_port = 0, nsubs = 1, npubs = 1, nidle = 0, server_pids[MAX_PIDS], npids = 0;
static size_t size = 64;
static uint32_t window = 256;
static double rate = 0, hold = 3, max_seconds = 60, stall_seconds = 10, seconds = 2, warm_seconds = 0;

/* state */
static struct conn *conns;
static int nconns, nready, nclosed, ep;
static struct pub *pubs;
static uint32_t ring, ring_mask, due_copies;
static uint64_t t_base;
static char *rbuf;
static char *pad;
static int running = 0, synced, probes_at_subs;
static uint64_t delivered, all_delivered, gaps, dups, bad, strays, reads;
static uint64_t last_progress, t_last_delivery;
static uint32_t most_under_way; /* of one publisher */

static void die(const char *fmt, ...) {
	va_list ap;
	va_start(ap, fmt);
	fputs("fanout: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static void *need(void *p) {
	if (!p) die("out of memory");
	return p;
}

static inline uint64_t now_ns(void) {
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + ts.tv_nsec - t_base;
}

/* ---- latency histogram: 64 steps to each power of two, so within 1.6 % ---- */
#define SUB 64
static uint64_t hist[64 * SUB], lat_max;
static inline void hist_add(uint64_t v) {
	if (v > lat_max) lat_max = v;
	unsigned i;
	if (v < SUB)
		i = v;
	else {
		int e = 63 - __builtin_clzll(v) - 6; /* v >> e is in 64..127 */
		i = (e + 1) * SUB + ((v >> e) - SUB);
	}
	hist[i]++;
}
static double hist_at(double q) { /* microseconds */
	uint64_t n = 0, want, seen = 0;
	for (int i = 0; i < 64 * SUB; i++) n += hist[i];
	if (!n) return 0;
	want = (uint64_t)(q * n);
	if (want >= n) want = n - 1;
	for (int i = 0; i < 64 * SUB; i++) {
		seen += hist[i];
		if (seen > want) {
			uint64_t v;
			if (i < SUB)
				v = i;
			else {
				int e = i / SUB - 1;
				v = ((uint64_t)(i % SUB + SUB) << e) + ((1ull << e) >> 1);
			}
			if (v > lat_max) v = lat_max;
			return v / 1000.0;
		}
	}
	return lat_max / 1000.0;
}

/* ---- the servers' account in /proc ---- */
static double process_cpu(int pid) { /* seconds, of all its threads */
	char path[64], buf[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");
	if (!f) return 0;
	size_t n = fread(buf, 1, sizeof buf - 1, f);
	fclose(f);
	buf[n] = 0;
	char *p = strrchr(buf, ')');
	unsigned long long ut = 0, st = 0;
	if (!p || sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &ut, &st) != 2) return 0;
	return (double)(ut + st) / sysconf(_SC_CLK_TCK);
}
static double server_cpu(void) { /* of all the servers together, as is the memory */
	double all = 0;
	for (int i = 0; i < npids; i++) all += process_cpu(server_pids[i]);
	return all;
}
static long process_kb(int pid, const char *field) {
	char path[64], line[256];
	long kb = 0;
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	if (!f) return 0;
	size_t l = strlen(field);
	while (fgets(line, sizeof line, f))
		if (!strncmp(line, field, l) && line[l] == ':') kb = atol(line + l + 1);
	fclose(f);
	return kb;
}
static long server_kb(const char *field) {
	long all = 0;
	for (int i = 0; i < npids; i++) all += process_kb(server_pids[i], field);
	return all;
}
static double own_cpu(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- output ---- */
static void interest(struct conn *c, int out) {
	if (c->want_out == out) return;
	struct epoll_event ev = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
	c->want_out = out;
}
static void close_conn(struct conn *c, const char *why) {
	if (c->closed) return;
	c->closed = 1;
	nclosed++;
	epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	c->fd = -1;
	if (nclosed <= 5) fprintf(stderr, "fanout: connection %d closed: %s\n", c->idx, why);
}
static void flush_out(struct conn *c) {
	while (c->out_off < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno == EINTR) continue;
			if (errno == EAGAIN) {
				interest(c, 1);
				return;
			}
			close_conn(c, strerror(errno));
			return;
		}
		c->out_off += n;
	}
	c->out_off = c->out_len = 0;
	interest(c, 0);
}
static char *out_room(struct conn *c, size_t n) {
	if (c->out_len + n > c->out_cap) {
		c->out_cap = (c->out_len + n) * 2;
		c->out = need(realloc(c->out, c->out_cap));
	}
	return c->out + c->out_len;
}
static void put(struct conn *c, const char *s, size_t n) {
	memcpy(out_room(c, n), s, n);
	c->out_len += n;
}
static void putf(struct conn *c, const char *fmt, ...) {
	char b[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(b, sizeof b, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof b - 1) n = sizeof b - 1;
	put(c, b, n);
}

/* ---- payload ---- */
static inline void put_hex(char *p, uint64_t v, int digits) {
	static const char d[] = "0123456789abcdef";
	for (int i = digits - 1; i >= 0; i--, v >>= 4) p[i] = d[v & 15];
}
static inline uint32_t hex8(const char *p) {
	uint64_t v;
	memcpy(&v, p, 8);
	v = (v & 0x0f0f0f0f0f0f0f0full) + 9 * ((v >> 6) & 0x0101010101010101ull);
	v = __builtin_bswap64(v);
	v = (v | v >> 4) & 0x00ff00ff00ff00ffull;
	v = (v | v >> 8) & 0x0000ffff0000ffffull;
	return (uint32_t)(v | v >> 16);
}
static void say_message(struct conn *c, uint32_t pub, uint32_t seq, uint64_t ts) {
	char body[HEAD], *p;
	body[0] = body[1] = '~';
	put_hex(body + 2, pub, 3);
	put_hex(body + 5, seq & 0xfffffff, 7);
	put_hex(body + 12, ts & 0xffffffffffffffull, 14);
	p = out_room(c, size + 128);
	char *q = p;
	switch (proto) {
	case LINE: break;
	case IRC: q = stpcpy(q, "PRIVMSG #b :"); break;
	case NATS: q += sprintf(q, "PUB b %zu\r\n", size); break;
	case RESP: q += sprintf(q, "*3\r\n$7\r\nPUBLISH\r\n$1\r\nb\r\n$%zu\r\n", size); break;
	case MQTT: {
		size_t rem = 3 + size;
		*q++ = 0x30;
		do {
			*q++ = (rem & 127) | (rem > 127 ? 128 : 0);
			rem >>= 7;
		} while (rem);
		*q++ = 0, *q++ = 1, *q++ = 'b';
	}
	}
	memcpy(q, body, HEAD);
	memcpy(q + HEAD, pad, size - HEAD);
	q += size;
	if (proto != MQTT) *q++ = '\r', *q++ = '\n';
	c->out_len += q - p;
}

/* ---- input ---- */
static void on_payload(struct conn *c, const char *p, uint64_t now) {
	uint32_t a = hex8(p + 2), b = hex8(p + 10), t = hex8(p + 18);
	uint32_t pub = a >> 20, seq = (a & 0xfffff) << 8 | b >> 24;
	uint64_t ts = (uint64_t)(b & 0xffffff) << 32 | t;
	if (pub == PUB_SYNC) {
		if (!c->synced) {
			c->synced = 1;
			if (c->pub < 0) synced++;
		}
		return;
	}
	if (pub == PUB_ECHO) {
		c->probes++;
		if (c->pub < 0)
			probes_at_subs++;
		else if ((int)seq == c->pub)
			c->own_probe = 1;
		return;
	}
	if ((int)pub >= npubs || !running || memcmp(p + HEAD, pad, size - HEAD)) {
		bad++;
		return;
	}
	uint32_t want = c->next[pub];
	if (seq != want) {
		if (seq < want) {
			dups++;
			return;
		}
		gaps += seq - want;
	}
	c->next[pub] = seq + 1;
	struct pub *u = &pubs[pub];
	if (seq - u->full >= ring) { /* not one that can be under way */
		bad++;
		return;
	}
	all_delivered++;
	if (seq >= u->warm) {
		delivered++;
		if (c->pub < 0 || !pub_port) hist_add(now > ts ? now - ts : 0);
	}
	if (++u->cnt[seq & ring_mask] == due_copies)
		while (u->full < u->sent && u->cnt[u->full & ring_mask] == due_copies) {
			u->cnt[u->full & ring_mask] = 0;
			u->full++;
		}
}

static void set_ready(struct conn *c) {
	if (!c->ready) c->ready = 1, nready++;
}
static int has(const char *line, size_t n, const char *s) { return memmem(line, n, s, strlen(s)) != NULL; }

static void on_line(struct conn *c, const char *l, size_t n, uint64_t now) {
	/* at the end of the line: there may be a nick in front */
	if (n >= size && l[n - size] == '~' && l[n - size + 1] == '~') {
		on_payload(c, l + n - size, now);
		return;
	}
	switch (proto) {
	case LINE: strays++; return; /* a greeting, an arrival */
	case IRC:
		if (n >= 4 && !memcmp(l, "PING", 4)) {
			put(c, "PONG", 4), put(c, l + 4, n - 4), put(c, "\r\n", 2);
			flush_out(c);
		} else if (!c->ready) {
			if (c->stage == 0 && (has(l, n, " 376 ") || has(l, n, " 422 "))) {
				c->stage = 1;
				if (nidle)
					set_ready(c);
				else {
					putf(c, "JOIN #b\r\n");
					flush_out(c);
				}
			} else if (c->stage == 1 && has(l, n, " 366 "))
				set_ready(c);
		}
		if (n >= 5 && !memcmp(l, "ERROR", 5)) fprintf(stderr, "fanout: %.*s\n", (int)n, l);
		return;
	case NATS:
		if (n >= 4 && !memcmp(l, "PING", 4)) {
			put(c, "PONG\r\n", 6);
			flush_out(c);
		} else if (n >= 4 && !memcmp(l, "PONG", 4))
			set_ready(c);
		else if (n >= 4 && !memcmp(l, "-ERR", 4))
			fprintf(stderr, "fanout: %.*s\n", (int)n, l);
		return;
	case RESP:
		if (n && *l == '-') fprintf(stderr, "fanout: %.*s\n", (int)n, l);
		if (!c->ready) {
			if (c->stage == 0 && has(l, n, "subscribe")) c->stage = 1;
			else if (c->stage == 1 && n && *l == ':') set_ready(c);
		}
		return;
	default: return;
	}
}

static size_t parse(struct conn *c, const char *b, size_t n, uint64_t now) { /* how much was used */
	const char *p = b, *end = b + n;
	if (proto != MQTT) {
		const char *nl;
		while (p < end && (nl = memchr(p, '\n', end - p))) {
			size_t l = nl - p;
			if (l && p[l - 1] == '\r') l--;
			on_line(c, p, l, now);
			p = nl + 1;
			if (c->closed) return n;
		}
		return p - b;
	}
	while (end - p >= 2) {
		size_t rem = 0, h = 1;
		int shift = 0, whole = 0;
		while (p + h < end && h < 5) {
			unsigned char x = p[h++];
			rem |= (size_t)(x & 127) << shift;
			shift += 7;
			if (!(x & 128)) {
				whole = 1;
				break;
			}
		}
		if (!whole || (size_t)(end - p) < h + rem) break;
		const unsigned char type = (unsigned char)*p >> 4;
		const char *q = p + h;
		if (type == 3) {
			size_t tl = rem >= 2 ? (unsigned char)q[0] << 8 | (unsigned char)q[1] : 0;
			if (rem == 2 + tl + size && q[2 + tl] == '~')
				on_payload(c, q + 2 + tl, now);
			else
				strays++;
		} else if (type == 2) {
			if (rem >= 2 && q[1]) die("mqtt: CONNACK code %d", q[1]);
			put(c, "\x82\x06\x00\x01\x00\x01"
			       "b\x00",
			    8);
			flush_out(c);
		} else if (type == 9)
			set_ready(c);
		p += h + rem;
	}
	return p - b;
}

static void on_readable(struct conn *c) {
	char *at = rbuf + PRE;
	ssize_t n = recv(c->fd, at, RBUF, 0);
	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
		close_conn(c, n ? strerror(errno) : "by the server");
		return;
	}
	reads++;
	uint64_t now = now_ns();
	char *b = at;
	size_t len = n;
	if (c->keep_len) {
		b -= c->keep_len;
		memcpy(b, c->keep, c->keep_len);
		len += c->keep_len;
		c->keep_len = 0;
	}
	uint64_t before = all_delivered;
	size_t used = parse(c, b, len, now);
	if (all_delivered != before) last_progress = t_last_delivery = now;
	if (c->closed) return;
	size_t rest = len - used;
	if (rest) {
		if (rest > PRE) die("connection %d: %zu bytes without a line end", c->idx, rest);
		if (rest > c->keep_cap) {
			c->keep_cap = rest < 256 ? 256 : rest * 2;
			c->keep = need(realloc(c->keep, c->keep_cap));
		}
		memcpy(c->keep, b + used, rest);
		c->keep_len = rest;
	}
}

static int pump(int64_t timeout_ns) { /* one round of events */
	static struct epoll_event ev[512];
	struct timespec ts = {timeout_ns / 1000000000, timeout_ns % 1000000000};
	int n = epoll_pwait2(ep, ev, 512, &ts, NULL);
	if (n < 0) {
		if (errno == EINTR) return 0;
		die("epoll: %s", strerror(errno));
	}
	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;
		if (c->closed) continue;
		if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
		if (!c->closed && ev[i].events & EPOLLOUT) flush_out(c);
	}
	return n;
}

static void open_conn(struct conn *c) {
	int one = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0) die("socket %d: %s", c->idx, strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(c->pub >= 0 && pub_port ? pub_port : port)};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a)) die("connect %d: %s", c->idx, strerror(errno));
	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ev)) die("epoll_ctl: %s", strerror(errno));
	switch (proto) {
	case LINE: set_ready(c); break;
	case IRC: putf(c, "NICK u%d\r\nUSER u%d 0 * :bench\r\n", c->idx, c->idx); break;
	case NATS:
		putf(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"b\",\"lang\":\"c\","
			"\"version\":\"1\",\"protocol\":1}\r\nSUB b 1\r\nPING\r\n");
		break;
	case RESP:
		/* a RESP3 connection may publish while it is subscribed */
		putf(c, "%sSUBSCRIBE b\r\n", c->pub >= 0 ? "HELLO 3\r\n" : "");
		break;
	case MQTT: {
		char id[16];
		int n = snprintf(id, sizeof id, "f%d", c->idx);
		char h[] = "\x10?\x00\x04MQTT\x04\x02\x00\x00";
		h[1] = 12 + n;
		put(c, h, 12);
		char l[2] = {0, n};
		put(c, l, 2), put(c, id, n);
	}
	}
	flush_out(c);
}

static void connect_all(int n) {
	uint64_t t = now_ns();
	for (int i = 0; i < n; i++) {
		open_conn(&conns[i]);
		if (proto == LINE) {
			if (i % 16 == 15) pump(500000);
		} else
			/* IRC tells all members of each that joins: one at a time there, few elsewhere */
			while (i + 1 - nready > (proto == IRC ? 8 : 32)) {
				pump(100000000);
				if (nclosed) die("a connection was refused");
				if ((now_ns() - t) / 1e9 > max_seconds) die("connecting takes too long (%d of %d)", nready, n);
			}
	}
	while (nready < n) {
		pump(100000000);
		if (nclosed) die("a connection was refused");
		if ((now_ns() - t) / 1e9 > max_seconds) die("connecting takes too long (%d of %d)", nready, n);
	}
}

static void settle(double s) {
	uint64_t end = now_ns() + s * 1e9;
	while (now_ns() < end) pump(20000000);
}

static int idle_mode(void) {
	settle(0.3);
	long rss0 = server_kb("VmRSS");
	double c0 = server_cpu();
	uint64_t t0 = now_ns();
	connect_all(nidle);
	double conn_s = (now_ns() - t0) / 1e9;
	if (proto == LINE) /* the last ones may still wait to be accepted */
		settle(1);
	double c1 = server_cpu();
	settle(hold);
	double c2 = server_cpu();
	long rss1 = server_kb("VmRSS"), peak = server_kb("VmHWM");
	printf("{\"ok\":%s,\"open\":%d,\"rssBeforeKiB\":%ld,\"rssKiB\":%ld,\"peakRssKiB\":%ld,\"kibPerConnection\":%.3f,"
	       "\"connectSeconds\":%.3f,\"connectCpuSeconds\":%.2f,\"idleCpuPercent\":%.2f}\n",
	       nclosed ? "false" : "true", nidle - nclosed, rss0, rss1, peak, (double)(rss1 - rss0) / nidle, conn_s, c1 - c0,
	       (c2 - c1) / hold * 100);
	return nclosed ? 1 : 0;
}

static int all_full(void) {
	for (int i = 0; i < npubs; i++)
		if (pubs[i].full < pubs[i].limit) return 0;
	return 1;
}

#define MAX_SEQ 0xfffffffu
static volatile sig_atomic_t stop;
static void on_sigterm(int sig) {
	(void)sig;
	stop = 1;
}
static const char *stuck(uint64_t t0);
static void send_window(void);

/* Says messages flat out for a time, then waits until all have been delivered. Returns why it
 * did not come to that, or NULL. */
static const char *flat_out(double s) {
	const char *why = NULL;
	uint64_t t0 = now_ns();
	int speaking = 1;
	last_progress = t0;
	for (int i = 0; i < npubs; i++) pubs[i].limit = MAX_SEQ;
	while (!why && !all_full()) {
		if (speaking && (stop || now_ns() - t0 >= s * 1e9)) {
			for (int i = 0; i < npubs; i++) pubs[i].limit = pubs[i].sent;
			speaking = 0;
			continue;
		}
		send_window();
		pump(speaking ? 10000000 : 100000000);
		why = stuck(t0);
	}
	return why;
}

static void send_window(void) {
	for (int i = 0; i < npubs; i++) {
		struct pub *u = &pubs[i];
		if (u->c->closed || u->c->out_len) continue;
		uint64_t to = (uint64_t)u->full + window;
		if (to > u->limit) to = u->limit;
		if (u->sent >= to) continue;
		uint64_t ts = now_ns();
		while (u->sent < to && u->c->out_len < SENDCAP) say_message(u->c, i, u->sent++, ts);
		if (u->sent - u->full > most_under_way) most_under_way = u->sent - u->full;
		flush_out(u->c);
	}
}

/* the run cannot go on: nothing came for a while, or time is up */
static const char *stuck(uint64_t t0) {
	uint64_t now = now_ns();
	if (nclosed) return "a connection was closed";
	if ((now - last_progress) / 1e9 > stall_seconds) return "no delivery for a while";
	if ((now - t0) / 1e9 > max_seconds) return "time is up";
	return NULL;
}

static void help(void) {
	puts("fanout --proto line|irc|nats|resp|mqtt --port P [options]\n"
	     "  --subs N            subscriber connections (1)\n"
	     "  --pubs M            publisher connections, members too (1)\n"
	     "  --seconds S         how long to speak (2)\n"
	     "  --warmup-seconds S  how long to speak flat out before that, unmeasured (0)\n"
	     "  --size S            payload bytes (64, at least 26)\n"
	     "  --window W          flat out: messages under way per publisher (256; 0: no window)\n"
	     "  --rate R            paced: messages a second over all publishers\n"
	     "  --pub-port P        where the publishers connect, if not to the same server; the latency\n"
	     "                      is the subscribers' then\n"
	     "  --pid P             the server's process: its CPU seconds and memory are reported; may be\n"
	     "                      repeated, for the sums over several servers\n"
	     "  --idle K            only open K connections, hold them, report KiB per connection\n"
	     "  --hold S            seconds to hold them (3)\n"
	     "  --max-seconds S     give up after that (60); --stall-seconds S without a delivery (10)");
	exit(0);
}

static void options(int argc, char **argv) {
	static const struct option opts[] = {
		{"proto", 1, 0, 'P'}, {"port", 1, 0, 'p'}, {"subs", 1, 0, 'n'}, {"pubs", 1, 0, 'm'}, {"seconds", 1, 0, 'd'},
		{"warmup-seconds", 1, 0, 'U'}, {"size", 1, 0, 's'}, {"window", 1, 0, 'w'}, {"rate", 1, 0, 'r'},
		{"pid", 1, 0, 'g'}, {"idle", 1, 0, 'k'}, {"hold", 1, 0, 'H'}, {"max-seconds", 1, 0, 't'},
		{"stall-seconds", 1, 0, 'T'}, {"pub-port", 1, 0, 'q'}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};
	int o, known = 0;
	while ((o = getopt_long(argc, argv, "", opts, NULL)) != -1) switch (o) {
		case 'P':
			for (int i = 0; i < 5; i++)
				if (!strcmp(optarg, proto_names[i])) proto = i, known = 1;
			if (!known) die("unknown protocol: %s", optarg);
			break;
		case 'p': port = atoi(optarg); break;
		case 'n': nsubs = atoi(optarg); break;
		case 'm': npubs = atoi(optarg); break;
		case 'd': seconds = atof(optarg); break;
		case 'U': warm_seconds = atof(optarg); break;
		case 's': size = strtoul(optarg, NULL, 10); break;
		case 'w': window = atoi(optarg); break;
		case 'r': rate = atof(optarg); break;
		case 'q': pub_port = atoi(optarg); break;
		case 'g':
			if (npids == MAX_PIDS) die("more than %d processes", MAX_PIDS);
			server_pids[npids] = atoi(optarg);
			if (kill(server_pids[npids++], 0) && errno == ESRCH) die("no process %s", optarg);
			break;
		case 'k': nidle = atoi(optarg); break;
		case 'H': hold = atof(optarg); break;
		case 't': max_seconds = atof(optarg); break;
		case 'T': stall_seconds = atof(optarg); break;
		case 'h': help(); break;
		default: exit(2);
		}
	if (port <= 0 || port > 65535 || pub_port < 0 || pub_port > 65535) die("--port is needed (see --help)");
	if (nsubs < 0 || npubs < 1 || npubs > MAX_PUBS || size < HEAD || size > 32768 || window > NO_WINDOW || seconds <= 0 || hold <= 0)
		die("option out of range (see --help)");
	if (!window) window = NO_WINDOW;
}

static void set_up(void) {
	signal(SIGPIPE, SIG_IGN);
	struct sigaction sa = {.sa_handler = on_sigterm};
	sigaction(SIGTERM, &sa, NULL);
	struct rlimit rl;
	if (!getrlimit(RLIMIT_NOFILE, &rl)) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	t_base = now_ns();
	last_progress = now_ns();
	rbuf = need(malloc(PRE + RBUF));
	memset(rbuf, 1, PRE + RBUF);
	pad = need(malloc(size));
	for (size_t i = 0; i < size - HEAD; i++) pad[i] = "the quick brown fox jumps over "[i % 31];
	if (size > HEAD) pad[size - HEAD - 1] = '.'; /* no line ends in a blank */
	ep = epoll_create1(EPOLL_CLOEXEC);
	nconns = nidle ? nidle : nsubs + npubs;
	conns = need(calloc(nconns, sizeof *conns));
	for (int i = 0; i < nconns; i++) conns[i].idx = i, conns[i].pub = i >= nsubs && !nidle ? i - nsubs : -1;
	if (nidle) return;
	uint64_t paced = rate > 0 ? (uint64_t)(rate * seconds) / npubs + 1 : 0;
	for (ring = 1; ring <= window || ring <= paced;) ring <<= 1;
	ring_mask = ring - 1;
	pubs = need(calloc(npubs, sizeof *pubs));
	for (int i = 0; i < nconns; i++) conns[i].next = need(calloc(npubs, sizeof(uint32_t)));
	for (int i = 0; i < npubs; i++) {
		pubs[i].c = &conns[nsubs + i];
		pubs[i].cnt = need(calloc(ring, sizeof(uint32_t)));
	}
}

/* Waits until each subscriber is a member, then sees who hears whom. Returns whether a
 * publisher hears itself. */
static int probe(void) {
	uint64_t t = now_ns(), next_probe = 0;
	for (uint32_t k = 0; synced < nsubs;) {
		uint64_t n = now_ns();
		if (n >= next_probe) {
			say_message(pubs[0].c, PUB_SYNC, k++, 0);
			flush_out(pubs[0].c);
			next_probe = n + 250000000;
		}
		pump(10000000);
		if (nclosed || (now_ns() - t) / 1e9 > max_seconds)
			die("only %d of %d subscribers hear publisher 0 (%d closed)", synced, nsubs, nclosed);
	}
	settle(0.1);
	for (int i = 0; i < npubs; i++) {
		say_message(pubs[i].c, PUB_ECHO, i, 0);
		flush_out(pubs[i].c);
	}
	t = now_ns();
	while (probes_at_subs < nsubs * npubs) {
		pump(10000000);
		if (nclosed || (now_ns() - t) / 1e9 > max_seconds)
			die("only %d of %d probes came (%d closed)", probes_at_subs, nsubs * npubs, nclosed);
	}
	settle(0.3);
	int echo = pubs[0].c->own_probe, peers = pubs[0].c->probes - echo;
	for (int i = 0; i < npubs; i++)
		if (pubs[i].c->own_probe != echo || pubs[i].c->probes - echo != peers)
			die("publishers 0 and %d do not hear the same", i);
	if (peers && peers != npubs - 1) die("publishers hear %d of %d others", peers, npubs - 1);
	due_copies = nsubs + peers + echo;
	if (!due_copies) die("nobody hears the publishers");
	return echo;
}

/* Says R messages a second for a time, each at its due time whether or not the server keeps up. */
static const char *paced(uint64_t t0, uint64_t *late_max) {
	const char *why = NULL;
	uint64_t per = (uint64_t)(rate * seconds + npubs - 1) / npubs, k = 0, total = per * npubs;
	double gap = 1e9 / rate;
	for (int i = 0; i < npubs; i++) {
		if (pubs[i].sent + per > MAX_SEQ) die("more messages than sequence numbers");
		pubs[i].limit = pubs[i].sent + per;
	}
	while (!why && !all_full()) {
		if (stop && k < total) {
			total = k;
			for (int i = 0; i < npubs; i++) pubs[i].limit = pubs[i].sent;
		}
		uint64_t n = now_ns();
		while (k < total) {
			uint64_t due = t0 + (uint64_t)(k * gap);
			if (due > n) break;
			struct pub *u = &pubs[k % npubs];
			if (u->c->closed) break;
			if (n - due > *late_max) *late_max = n - due;
			say_message(u->c, k % npubs, u->sent++, due);
			if (!u->c->want_out) flush_out(u->c);
			last_progress = n;
			k++;
		}
		int64_t wait = 100000000;
		if (k < total) {
			wait = (int64_t)(t0 + (uint64_t)(k * gap)) - (int64_t)now_ns();
			if (wait < 0) wait = 0;
			if (wait > 100000000) wait = 100000000;
		}
		pump(wait);
		why = stuck(t0);
	}
	return why;
}

int main(int argc, char **argv) {
	options(argc, argv);
	set_up();
	if (nidle) return idle_mode();
	connect_all(nconns);
	int echo = probe();
	running = 1;
	strays = 0;
	last_progress = now_ns();

	const char *why = NULL;
	for (int i = 0; i < npubs; i++) pubs[i].warm = UINT32_MAX;
	if (warm_seconds > 0) why = flat_out(warm_seconds);
	if (why) die("warm-up did not end: %s (%llu copies came)", why, (unsigned long long)all_delivered);

	for (int i = 0; i < npubs; i++) pubs[i].warm = pubs[i].sent;
	uint64_t late_max = 0, nsent = 0;
	reads = 0;
	most_under_way = 0;
	double s0 = server_cpu(), g0 = own_cpu();
	uint64_t t0 = now_ns();
	t_last_delivery = last_progress = t0;
	why = rate > 0 ? paced(t0, &late_max) : flat_out(seconds);
	double wall = (t_last_delivery - t0) / 1e9;
	double cpu = server_cpu() - s0, own = own_cpu() - g0;
	if (!why) settle(0.1); /* anything that comes now was sent twice */
	for (int i = 0; i < npubs; i++) nsent += pubs[i].sent - pubs[i].warm;
	long long lost = (long long)(nsent * due_copies) - (long long)delivered;
	int ok = !why && !lost && !gaps && !dups && !bad;
	printf("{\"ok\":%s,\"stopped\":%s%s%s,", ok ? "true" : "false", why ? "\"" : "", why ? why : "null", why ? "\"" : "");
	printf("\"messages\":%llu,\"copiesPerMessage\":%u,\"echo\":%s,", (unsigned long long)nsent, due_copies, echo ? "true" : "false");
	printf("\"deliveries\":%llu,\"lost\":%lld,\"gaps\":%llu,\"duplicates\":%llu,\"damaged\":%llu,\"otherLines\":%llu,",
	       (unsigned long long)delivered, lost, (unsigned long long)gaps, (unsigned long long)dups, (unsigned long long)bad,
	       (unsigned long long)strays);
	printf("\"wallSeconds\":%.4f,\"deliveriesPerSecond\":%.0f,", wall, wall > 0 ? delivered / wall : 0);
	printf("\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"lateMax\":%.1f,", hist_at(0.5), hist_at(0.99), hist_at(0.999),
	       lat_max / 1000.0, late_max / 1000.0);
	printf("\"mostUnderWay\":%u,\"deliveriesPerRead\":%.1f,\"generatorCpuPercent\":%.0f,", most_under_way,
	       reads ? (double)delivered / reads : 0, wall > 0 ? own / wall * 100 : 0);
	printf("\"serverCpuSeconds\":%.2f,\"deliveriesPerCpuSecond\":%.0f,\"rssKiB\":%ld,\"peakRssKiB\":%ld}\n", cpu,
	       cpu > 0 ? delivered / cpu : 0, server_kb("VmRSS"), server_kb("VmHWM"));
	return ok ? 0 : 1;
}
