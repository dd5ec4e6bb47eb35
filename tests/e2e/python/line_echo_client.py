"""Part 1 of the exercise: says a line, and gets it back.

    python3 line_echo_client.py PORT MESSAGE
"""

import sys
from socket import socket, AF_INET, SOCK_STREAM


def main(addr, msg):
    sock = socket(AF_INET, SOCK_STREAM)
    sock.connect(addr)
    sock.sendall(msg.encode('utf-8') + b'\n')
    parts = []
    while True:
        part = sock.recv(1000)         # might be less, might be more than one line
        if not part:
            raise EOFError('the server closed the connection')
        parts.append(part)
        for line in b''.join(parts).split(b'\r\n')[:-1]:
            _, colon, said = line.decode('utf-8').partition(': ')
            if colon:
                print('Received >', said)
                sock.close()
                return


main(('localhost', int(sys.argv[1])), sys.argv[2])
