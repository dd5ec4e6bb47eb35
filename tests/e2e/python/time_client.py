"""Part 1 of the exercise: asks a server for the time, with a plain socket.

    python3 time_client.py PORT
"""

import sys
from socket import socket, AF_INET, SOCK_STREAM


def read_line(sock):
    """Data comes in fragments: put them together up to the end of a line."""
    line = b''
    while not line.endswith(b'\r\n'):
        part = sock.recv(1)
        if not part:
            raise EOFError('the server closed the connection')
        line += part
    return line.decode('utf-8').rstrip('\r\n')


def main(addr):
    sock = socket(AF_INET, SOCK_STREAM)
    sock.connect(addr)
    sock.sendall(b'/service\n')        # a program, not a person
    sock.sendall(b'@now /time\n')
    while True:
        line = read_line(sock)
        if line.startswith('@now '):
            break
    print('Current time is:', line[len('@now '):])
    sock.close()


main(('localhost', int(sys.argv[1])))
