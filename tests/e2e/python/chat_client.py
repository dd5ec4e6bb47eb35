"""Parts 3 and 4 of the exercise: a chat client with threads and queues.

    python3 chat_client.py PORT NICK LINES SPEAKERS

Waits until all the speakers are there, says so many lines, prints what everybody said, and leaves
when it has heard the lines of all.
"""

import queue
import sys
import threading
from socket import socket, AF_INET, SOCK_STREAM, SHUT_WR


def receiver(sock, incoming):
    """Thread: puts each line that comes into the queue, and None at the end."""
    rest = b''
    while True:
        part = sock.recv(1000)
        if not part:
            break
        *lines, rest = (rest + part).split(b'\r\n')
        for line in lines:
            incoming.put(line.decode('utf-8'))
    incoming.put(None)


def sender(sock, outgoing):
    """Thread: sends each line that is in the queue, until None."""
    while True:
        line = outgoing.get()
        if line is None:
            break
        sock.sendall(line.encode('utf-8') + b'\n')
    sock.shutdown(SHUT_WR)


def main(addr, nick, count, speakers):
    sock = socket(AF_INET, SOCK_STREAM)
    sock.connect(addr)
    incoming = queue.Queue()
    outgoing = queue.Queue()
    threads = [
        threading.Thread(target=receiver, args=[sock, incoming]),
        threading.Thread(target=sender, args=[sock, outgoing]),
    ]
    for thread in threads:
        thread.start()
    outgoing.put('/nick ' + nick)
    begun = False
    heard = 0
    while heard < count * speakers:
        line = incoming.get()
        if line is None:
            break
        if line == 'teacher: begin' and not begun:
            begun = True
            for i in range(count):
                outgoing.put('line %d' % i)
        elif ': line ' in line:
            heard += 1
            print(line)
    outgoing.put(None)
    for thread in threads:
        thread.join()


main(('localhost', int(sys.argv[1])), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
