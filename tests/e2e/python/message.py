"""Part 2 of the exercise: size-prefixed messages."""


def send_message(sock, msg):
    size = b'%10d' % len(msg)    # Make a 10-byte length field
    sock.sendall(size)
    sock.sendall(msg)


def recv_exactly(sock, size):
    """Exactly so many bytes, in however many fragments they come."""
    parts = []
    while size > 0:
        part = sock.recv(size)
        if not part:
            raise EOFError('the connection was closed within a message')
        parts.append(part)
        size -= len(part)
    return b''.join(parts)


def recv_message(sock):
    size = int(recv_exactly(sock, 10))
    return recv_exactly(sock, size)
