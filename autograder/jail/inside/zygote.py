"""The process that every sandbox is forked from: behind the wall, with the slow imports done and one thread.

It reads orders from the supervisor on the descriptor that its argument names. An order is a datagram with two
descriptors, a sandbox's socket and the pipe for its output, and a JSON object of limits.
"""

import contextlib
import gc
import json
import os
import select
import socket
import sys

from autograder.jail.inside.namespaces import separate
from autograder.jail.inside.shell import warm_up
from autograder.jail.inside.spawner import Spawner
from autograder.measure.operators import prepare
from autograder.measure.work import watch_tracing


def main() -> None:
    """Serve orders until the supervisor hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    if (user := int(os.environ.get("JAIL_USER", "0"))) and os.geteuid() == 0:
        # Outside root's reach: files readable by root alone, and root's exemption from limits.
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    separate()
    shell = warm_up()
    watch_tracing()
    gc.collect()
    gc.disable()
    gc.freeze()
    filter_program, _, _, _ = socket.recv_fds(control, 1 << 16, 0)
    spawner = Spawner(shell, filter_program)
    control.send(b"ready")
    while True:
        readable, _, _ = select.select([control], [], [], 1.0)
        _reap()
        if not readable:
            continue
        message, fds, _, _ = socket.recv_fds(control, 1 << 16, 2)
        if not message:
            sys.exit(0)
        if message == b"ping":
            with socket.socket(fileno=fds[0]) as asker, contextlib.suppress(OSError):
                asker.send(b"alive")
            continue
        requests, output = fds
        order = json.loads(message)
        for patterns in order["forbidden"]:
            prepare(tuple(patterns))
        gc.freeze()  # a sandbox that looks at what every sandbox has would copy it
        sock = socket.socket(fileno=requests)
        spawner.fork(sock, output, order)
        sock.close()
        os.close(output)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()
