"""The exercise's clients, for servers that know nothing but sockets.

    python3 socket_clients.py time PORT
    python3 socket_clients.py echo PORT TEXT            plain bytes
    python3 socket_clients.py messages PORT TEXT...     send_message() and recv_message()
    python3 socket_clients.py chat PORT SAY HEAR        says one message, waits for another
    python3 socket_clients.py ask PORT NAME             a question of docs/PROTOCOL.md, section 7
"""

import json
import sys
from socket import socket, AF_INET, SOCK_STREAM
from message import send_message, recv_message


def show_time(sock):
    parts = []
    while True:
        part = sock.recv(1000)
        if not part:
            break
        parts.append(part)
    print('Current time is:', b''.join(parts).decode('utf-8'))


def echo(sock, text):
    data = text.encode('utf-8')
    sock.sendall(data)
    back = b''
    while len(back) < len(data):
        back += sock.recv(len(data))
    print('Received >', back.decode('utf-8'))


def messages(sock, *texts):
    for text in texts:
        send_message(sock, text.encode('utf-8'))
    for text in texts:
        print('Received >', recv_message(sock).decode('utf-8'))


def chat(sock, say, hear):
    print('ready', flush=True)
    sys.stdin.readline()
    send_message(sock, say.encode('utf-8'))
    while recv_message(sock).decode('utf-8') != hear:
        pass
    print('heard', hear)
    sys.stdin.readline()


def ask(sock, name):
    send_message(sock, b'{"kind":"hello","versions":[1,1],"role":"connects"}')
    question = {'kind': 'ask', 'id': 1, 'type': 'hello', 'body': {'myName': name}}
    send_message(sock, json.dumps(question).encode('utf-8'))
    while True:
        message = json.loads(recv_message(sock).decode('utf-8'))
        if message['kind'] in ('answer', 'refuse'):
            print(json.dumps(message, sort_keys=True))
            break


what, port, *args = sys.argv[1:]
with socket(AF_INET, SOCK_STREAM) as sock:
    sock.connect(('localhost', int(port)))
    {'time': show_time, 'echo': echo, 'messages': messages, 'chat': chat, 'ask': ask}[what](sock, *args)
