"""One stock python-socketio client, driven by the Go test that started this program.

Commands come in as JSON lines on standard input, what the client sees goes out as JSON lines on standard output. It ends with its input.

    python3 client.py <url> <token> <transport>...
"""

import json
import os
import sys
import threading

import socketio

url, token, *transports = sys.argv[1:]
output = threading.Lock()
client = socketio.Client(reconnection_delay=0.01, reconnection_delay_max=0.02)


def say(kind, **more):
    with output:
        print(json.dumps({"kind": kind, **more}), flush=True)


@client.event
def connect():
    say("connect", transport=client.transport())


@client.event
def connect_error(data):
    if isinstance(data, dict):
        say("connect_error", message=data["message"], code=data["data"]["code"])
    else:
        say("connect_error", message=str(data))


@client.event
def disconnect():
    say("disconnect")


@client.on("appointmnents.finished")
def finished(appointment, *_):  # the event's id follows, and Python counts arguments
    say("event", data=appointment)


def begin():
    try:
        client.connect(url, auth=lambda: {"token": token}, transports=transports or None, wait=False)
    except socketio.exceptions.ConnectionError as error:
        say("refused", message=str(error))


begin()
for line in sys.stdin:
    command = json.loads(line)
    if command["name"] == "settled":
        say("settled", transport=client.transport())
    elif command["name"] == "ask":
        say("answer", answer=list(client.call("question", {"any": "thing"}, timeout=10) or []))
    elif command["name"] == "binary":
        say("answer", answer=list(client.call("file", b"\x01\x02\x03", timeout=10) or []))
    elif command["name"] == "token":
        token = command["value"]
    elif command["name"] == "connect":
        client.disconnect()
        client.eio.wait()
        begin()
client.disconnect()
os._exit(0)  # it may be trying to reconnect, on a thread that would be waited for
