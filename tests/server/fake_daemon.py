"""Answers on control as a daemon does, in a process that jupyter_client starts.

Knows the messages between provisioner and daemon; restarts nothing. Must not import
ipr: what it says is written down here a second time.

Started with ``fake_daemon.py -m ipr CONNECTION_FILE LOG MODE``. Each message is a line
of JSON in LOG. MODE is one of ``new``, ``old`` (a kernel without ipr), ``mute``,
``refusing``, ``deaf`` (never hears the manager), ``elsewhere`` (agreed with another
owner) or ``late`` (mute for half a second).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import zmq
from jupyter_client.session import Session


def main(connection_file: str, log: str, mode: str) -> None:
    with open(connection_file) as file:
        info = json.load(file)
    session = Session(
        key=info["key"].encode(), signature_scheme=info["signature_scheme"]
    )
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.ROUTER)
    if "curve_secretkey" in info:
        socket.curve_server = True
        socket.curve_secretkey = info["curve_secretkey"].encode()
    between = ":" if info["transport"] == "tcp" else "-"
    address = f"{info['transport']}://{info['ip']}{between}{info['control_port']}"
    if mode == "late":
        time.sleep(0.5)
    socket.bind(address)
    owner, asked, leaving = "", 0, False
    while not leaving:
        identities, message = session.recv(socket, mode=0)
        assert message is not None
        kind, content = message["msg_type"], message["content"]
        with open(log, "a") as file:
            sender = message["header"]["session"]
            file.write(json.dumps([kind, content, sender]) + "\n")
        answer: dict[str, Any] = {"status": "ok"}
        if kind == "kernel_info_request":
            owner = content.get("ipr", {}).get("owner", owner)
            if mode != "old":
                told = "somebody" if mode == "elsewhere" else owner
                heard = 0 if mode == "deaf" else asked
                answer["ipr"] = {"restart": True, "owner": told, "asked": heard}
        elif kind == "shutdown_request":
            if content["restart"] and sender == owner and mode != "old":
                asked += 1
            else:
                leaving = mode != "mute"
        elif kind == "ipr_restart_request":
            answer["ignored"] = ["cwd"] if content["cwd"] == "/nowhere" else []
            if mode == "refusing":
                answer = {"status": "error", "evalue": "it is leaving"}
        if mode != "mute":
            reply = kind.replace("_request", "_reply")
            session.send(socket, reply, answer, parent=message, ident=identities)
    socket.close(linger=200)
    zmq.Context.instance().term()


if __name__ == "__main__":
    main(*sys.argv[3:])
