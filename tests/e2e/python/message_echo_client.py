"""Part 2 of the exercise: the echo client with send_message() and recv_message().

    python3 message_echo_client.py PORT MESSAGE...
"""

import sys
from socket import socket, AF_INET, SOCK_STREAM
from message import send_message, recv_message


def main(addr, messages):
    sock = socket(AF_INET, SOCK_STREAM)
    sock.connect(addr)
    for msg in messages:
        send_message(sock, msg.encode('utf-8'))
        while True:
            _, colon, said = recv_message(sock).decode('utf-8').partition(': ')
            if colon:
                break
        print('Received >', said)
    sock.close()


main(('localhost', int(sys.argv[1])), sys.argv[2:])
