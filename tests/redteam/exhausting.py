"""Rows 17-20: exhausting the machine. The cell ends with the verdict of what it took too much of; nobody else notices."""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

from autograder.authoring.attacks import Attack, Target

TIME = ("timeout",)
STOPPED = ("timeout", "memory", "error", "output", "tampered", "wrong")


def at_import(id: str, row: int, title: str, source: str, wanted: tuple[str, ...], **more: object) -> Attack:
    """The cell that defines the exercise does it."""
    return Attack(id, row, title, source + "\n$wrong", wanted, **more)


def in_call(id: str, row: int, title: str, source: str, wanted: tuple[str, ...], **more: object) -> Attack:
    """Each call does it."""
    body = "".join(f"    {line}\n" for line in source.splitlines())
    return Attack(id, row, title, f"def $name(*args, **kwargs):\n{body}", wanted, **more)


def bomb() -> bytes:
    """An archive of a few kilobytes that unpacks into hundreds of megabytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.ipynb", b"0" * (64 << 20))
    return packed.getvalue()


def traversing() -> bytes:
    """An archive whose names lead out of the folder that it is unpacked in."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("../../redteam-was-here", "/tmp/redteam-was-here", "..\\redteam-was-here", "a/../../b\n\x1b[2J"):
            archive.writestr(name, b"x")
    return packed.getvalue()


def beside(make: object) -> object:
    """The honest notebook, and beside it what ``make(folder)`` puts there."""

    def fill(folder: Path, target: Target) -> None:
        (folder / f"{target.assignment.name}.ipynb").write_bytes(target.notebook)
        make(folder)

    return fill


def instead(make: object) -> object:
    """What ``make(path, target)`` puts in the notebook's place."""
    return lambda folder, target: make(folder / f"{target.assignment.name}.ipynb", target)


def linked_elsewhere(path: Path, target: Target) -> None:
    other = path.parents[3] / "another" / path.name
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(target.notebook)
    path.symlink_to(other)


def linked_folder(folder: Path, target: Target) -> None:
    other = folder.parents[2] / "another-folder"
    other.mkdir()
    (other / f"{target.assignment.name}.ipynb").write_bytes(target.notebook)
    folder.rmdir()
    folder.symlink_to(other)


def many_files(folder: Path) -> None:
    for number in range(20_000):
        os.close(os.open(folder / f"{number}.txt", os.O_CREAT))


def strange_names(folder: Path) -> None:
    for name in (
        "new\nline.ipynb",
        "\x1b[2Jclear.ipynb",
        "-rf",
        "=cmd|x.ipynb",
        "a" * 250,
        "\u202eypni",
        "%s%n{0}.ipynb",
    ):
        (folder / name).write_bytes(b"{}")
    (folder / os.fsdecode(b"\xff\xfe.ipynb")).write_bytes(b"{}")


def deep_folders(folder: Path) -> None:
    for _ in range(60):
        folder = folder / "deeper"
        folder.mkdir()


def sparse(path: Path, target: Target) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


C = "import pkgutil\nctypes = pkgutil.resolve_name('ctypes')\nC = ctypes.CDLL(None, use_errno=True)\n"
# Maps a piece of memory of 64 MB with some flags, writes to it and drops it from the page tables, as often as it can up
# to half more than the limit.
MAPPED = (
    C + "C.mmap.restype = ctypes.c_void_p\nheld = 0\n"
    "for n in range($memory * 3 // 2 // 64 + 1):\n    at = C.mmap(None, 64 << 20, 3, {flags}, {fd}, ctypes.c_long(0))\n"
    "    if at in (None, 2**64 - 1): break\n    ctypes.memset(at, 1, 64 << 20)\n{then}    held += 64\n"
    "if held > $memory * 5 // 4: print('UNSEEN', held, 'MB')"
)


def unseen(id: str, title: str, source: str, wanted: tuple[str, ...] = ("wrong", "error"), **more: object) -> Attack:
    """The cell holds memory where no figure of its processes tells of it, and says so when it succeeds."""
    more.setdefault("control", "unwalled")
    return at_import(
        id, 18, title, source, (*wanted, "forbidden"),
        also=lambda report, _: [report.output[:200]] if "UNSEEN" in report.output else [], **more,
    )  # fmt: skip


FILE = {"beside": None}
ATTACKS = [
    # --- 17: time
    at_import("endless-import", 17, "The cell never ends.", "while True: pass", TIME),
    in_call("endless-call", 17, "No call ever ends.", "while True: pass", TIME),
    in_call("endless-except", 17, "A call never ends and swallows every exception.",
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass", TIME),
    at_import("endless-regex", 17, "A regular expression backtracks for ever, inside of one call to C.",
              "import re\nre.match(r'(a|a)*b', 'a' * 64)", TIME),
    in_call("endless-integer", 17, "Python computes a number of a billion digits, deaf to every signal.",
            "return (9 ** (9 ** 9)) % 7", (*TIME, "memory")),
    in_call("endless-tensor", 17, "One operator works for minutes.",
            "import torch\nreturn torch.linalg.svd(torch.rand(3000, 3000))", (*TIME, "memory", "error")),
    in_call("sleep", 17, "A call sleeps, which costs no processor time.", "import time\ntime.sleep(99)", TIME),
    at_import("blocked-read", 17, "The cell reads from a pipe that nobody writes to.",
              "import os\nr, w = os.pipe()\nos.read(r, 1)", TIME),
    at_import("input", 17, "The cell asks for input.", "name = input('who? ')", ("error", "wrong", "timeout")),
    in_call("stopped", 17, "A call stops its own process and never wakes.",
            "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nos.kill(0, signal.SIGSTOP)", (*TIME, "wrong")),
    in_call("deaf", 17, "A call ignores every signal and waits in a child for itself.",
            "import os, signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
            "    except (OSError, ValueError): pass\nwhile True: pass", TIME),
    in_call("busy-children", 17, "A call sleeps while its children compute.",
            "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass\nos.wait()", (*TIME, "error")),
    Attack("endless-comparison", 17, "The result is a list that holds itself.",
           "def $name(*args, **kwargs):\n    a = []\n    a.append(a)\n    return a", ("error", "wrong", "tampered")),
    Attack("endless-len", 17, "The result is a subclass whose iteration never ends.",
           "class L(list):\n    def __iter__(self):\n        while True: yield 1\n"
           "def $name(*args, **kwargs):\n    return L()", ("wrong",)),
    in_call("a-little-each", 17, "Every call takes almost as long as it may, and there are many.",
            "import time\nend = time.process_time() + 0.8\nwhile time.process_time() < end: pass", ("timeout",), beside=("timeout", "passed"),
            before=("import time\nend = time.process_time() + 1.6\nwhile time.process_time() < end: pass",) * 5, keeps=0.0,
            remark="has used up the 12 s"),
    in_call("a-name-that-is-no-text", 17, "The process gives itself a name that is no text while it is watched.",
            "import pkgutil, time\npkgutil.resolve_name('ctypes:CDLL')(None).prctl(15, b'\\xff\\xfe)\\n', 0, 0, 0)\ntime.sleep(0.2)",
            ("wrong", "error", "forbidden")),
    # --- 18: memory
    at_import("one-huge-object", 18, "The cell asks for a terabyte at once.", "x = bytearray(1 << 40)", ("error", "memory")),
    in_call("one-huge-tensor", 18, "A call fills a tensor of two gigabytes.",
            "import torch\nreturn torch.ones(1 << 29).sum()", ("memory", "timeout")),
    in_call("slow-growth", 18, "A call takes a little more, and more.",
            "import time\nx = []\nwhile True:\n    x.append(bytearray(4 << 20))\n    time.sleep(0.001)", ("memory", "timeout")),
    at_import("growth-between-calls", 18, "Each cell keeps a little under the limit, and the last one more.",
              "x = bytearray(b'x' * ($memory * 5 // 8 << 20))\ny = bytearray(b'y' * ($memory * 5 // 8 << 20))", ("memory",)),
    at_import("many-below-the-limit", 18, "Many processes, each of them below the limit.",
              "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(b'x' * (90 << 20)); time.sleep(60)\n"
              "time.sleep(60)", ("memory", "error")),
    at_import("full-scratch-space", 18, "Scratch space is filled until nothing more goes in.",
              "for place in ('/tmp/a', '/dev/shm/a'):\n    f = open(place, 'wb')\n    try:\n        while True: f.write(b'x' * (1 << 20))\n"
              "    except OSError: pass", ("wrong", "error", "memory")),
    at_import("shared-memory", 18, "Memory is mapped shared, and by System V segments.",
              "import mmap, pkgutil\nlibrary = pkgutil.resolve_name('ctypes:CDLL')(None)\nheld = []\n"
              "for _ in range(20):\n    m = mmap.mmap(-1, 64 << 20)\n    m.write(b'x' * (64 << 20)); held.append(m)",
              ("error", "memory", "forbidden")),
    at_import("system-v-segments", 18, "Segments of shared memory are filled and let go, so that nobody has them mapped.",
              "import pkgutil\nC = pkgutil.resolve_name('ctypes:CDLL')(None)\nC.shmat.restype = pkgutil.resolve_name('ctypes:c_void_p')\n"
              "fill = pkgutil.resolve_name('ctypes:memset')\nmade = 0\nfor _ in range(16):\n    s = C.shmget(0, 64 << 20, 0o1600)\n"
              "    if s < 0: break\n    a = C.shmat(s, None, 0)\n    fill(a, 1, 64 << 20); C.shmdt(pkgutil.resolve_name('ctypes:c_void_p')(a))\n"
              "    made += 1\nif made > 6: print('UNSEEN', made)", ("wrong", "memory", "forbidden", "error"),
              also=lambda report, _: [report.output] if "UNSEEN" in report.output else []),
    at_import("memory-files", 18, "Files without a name are filled by writing, so that nobody has them mapped.",
              "import os\nmade, held = 0, []\ntry:\n    for n in range(16):\n        fd = os.memfd_create(str(n)); held.append(fd)\n"
              "        for _ in range(60): made += os.write(fd, b'x' * (1 << 20))\nexcept OSError: pass\n"
              "if made > 400 << 20: print('UNSEEN', made)", ("wrong", "memory"),
              also=lambda report, _: [report.output] if "UNSEEN" in report.output else []),
    unseen("shared-and-dropped", "Shared anonymous memory is filled and dropped from the page tables, where it stays resident.",
           MAPPED.format(flags=0x21, fd=-1, then="    C.madvise(ctypes.c_void_p(at), 64 << 20, 4)\n")),
    unseen("shared-zeros", "The device of zeros is mapped shared, filled and dropped from the page tables.",
           "import os\nzeros = os.open('/dev/zero', os.O_RDWR)\n"
           + MAPPED.format(flags=0x01, fd="zeros", then="    C.madvise(ctypes.c_void_p(at), 64 << 20, 4)\n")),
    unseen("shared-file-dropped", "A file in scratch space is mapped shared, deleted, filled and dropped from the page tables.",
           "import os, tempfile\nfile = tempfile.TemporaryFile()\nos.truncate(file.fileno(), 64 << 20)\nfd = file.fileno()\n"
           + MAPPED.format(flags=0x01, fd="fd", then="    file = tempfile.TemporaryFile(); os.truncate(file.fileno(), 64 << 20); fd = file.fileno()\n"),
           ("wrong", "error", "memory")),
    unseen("made-read-only", "Private memory is filled and made read-only, where the kernel's limit on data forgets it.",
           MAPPED.format(flags=0x22, fd=-1, then="    C.mprotect(ctypes.c_void_p(at), 64 << 20, 1)\n"), ("memory", "wrong")),
    unseen("grows-down", "Memory is mapped as if it were a stack, which is no data.",
           MAPPED.format(flags=0x122, fd=-1, then="")),
    # What it holds is missing where its other exercise needs memory itself.
    unseen("free-when-needed", "Private memory is filled and declared free for the taking, which nobody takes.",
           MAPPED.format(flags=0x22, fd=-1, then="    C.madvise(ctypes.c_void_p(at), 64 << 20, 8)\n"), ("memory", "wrong"),
           beside=("passed", "memory")),
    unseen("page-tables", "A hundred gigabytes of nothing are mapped and looked at, which takes page tables.",
           C + "C.mmap.restype = ctypes.c_void_p\nheld = 0\nfor n in range(100):\n"
           "    at = C.mmap(None, 1 << 30, 1, 0x4022, -1, ctypes.c_long(0))\n    if at in (None, 2**64 - 1): break\n"
           "    for k in range(0, 1 << 30, 1 << 21): ctypes.string_at(at + k, 1)\n    held += 1\n"
           "if held > 50: print('UNSEEN', held * 2, 'MB of page tables')"),
    unseen("pages-in-pipes", "Pages of its own memory are put into pipes and given back, and the pipes keep them.",
           C + "import os\nmade = 0\nfor n in range(40):\n    r, w = os.pipe()\n    page = ctypes.create_string_buffer(65536)\n"
           "    vector = (ctypes.c_size_t * 2)(ctypes.addressof(page), 65536)\n    made += max(0, C.vmsplice(w, vector, 1, 2))\n"
           "if made: print('UNSEEN', made)"),
    unseen("files-in-pipes", "Pages of a file are put into pipes by the kernel, and the file is emptied.",
           "import os, tempfile\nfile = tempfile.TemporaryFile()\nfile.write(bytes(1 << 20)); file.flush()\nmade = 0\n"
           "for n in range(20):\n    r, w = os.pipe()\n    try: made += os.splice(file.fileno(), w, 65536, offset_src=0)\n"
           "    except OSError: pass\nif made: print('UNSEEN', made)"),
    unseen("files-in-sockets", "Pages of a file are sent into sockets by the kernel, a byte of each, and the file is emptied.",
           "import os, socket, tempfile\nfile = tempfile.TemporaryFile()\nfile.write(bytes(1 << 20)); file.flush()\nmade = 0\n"
           "a, b = socket.socketpair()\nfor n in range(99):\n    try: made += os.sendfile(a.fileno(), file.fileno(), n * 4096, 1)\n"
           "    except OSError: pass\nif made: print('UNSEEN', made)"),
    unseen("wider-pipes", "Pipes are enlarged to a megabyte each and filled.",
           "import fcntl, os\nmade = 0\nfor n in range(10):\n    r, w = os.pipe()\n    try:\n        fcntl.fcntl(w, 1031, 1 << 20)\n"
           "        made += os.write(w, bytes(1 << 20))\n    except OSError: pass\nif made: print('UNSEEN', made)"),
    unseen("wider-sockets", "Sockets are enlarged as far as they go.",
           "import socket\na, b = socket.socketpair()\nbefore = a.getsockopt(1, 7)\n"
           "try: a.setsockopt(1, 7, 1 << 30)\nexcept OSError: pass\n"
           "if a.getsockopt(1, 7) > before: print('UNSEEN', a.getsockopt(1, 7))"),
    unseen("descriptors-in-flight", "Filled sockets are sent to itself and closed, so that no process has them open.",
           "import os, socket\na, b = socket.socketpair()\nmade = 0\ntry:\n    for n in range(50):\n        c, d = socket.socketpair()\n"
           "        c.setblocking(False)\n        made += c.send(bytes(100_000))\n        socket.send_fds(a, [b'x'], [c.fileno(), d.fileno()])\n"
           "        c.close(); d.close()\n    print('UNSEEN', made)\nexcept OSError: pass"),
    unseen("locks-without-end", "A file is locked in a hundred thousand places.",
           "import fcntl, os\nfd = os.open('locked', os.O_RDWR | os.O_CREAT)\nmade = 0\ntry:\n    for n in range(3000):\n"
           "        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 2 * n); made += 1\nexcept OSError: pass\n"
           "if made > 1000: print('UNSEEN', made)"),
    unseen("timers-without-end", "Timers are made without end.",
           C + "made = 0\nfor n in range(2000):\n    number = ctypes.c_int()\n"
           "    if C.timer_create(0, None, ctypes.byref(number)) != 0: break\n    made += 1\nif made > 1000: print('UNSEEN', made)"),
    unseen("signals-without-end", "Signals are blocked and sent to itself without end.",
           C + "import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [40])\nmade = 0\n"
           "C.pthread_self.restype = ctypes.c_ulong\nme = ctypes.c_ulong(C.pthread_self())\n"
           "while made < 2000 and C.pthread_sigqueue(me, 40, None) == 0: made += 1\nif made > 1000: print('UNSEEN', made)"),
    unseen("terminals-without-end", "Terminals are opened until there are none for anybody.",
           "import os\nheld = []\ntry:\n    while len(held) < 40: held.append(os.openpty())\nexcept OSError: pass\n"
           "if len(held) > 30: print('UNSEEN', len(held))"),
    unseen("events-asynchronous", "Rings of the kernel's asynchronous input are made, of which a machine has a number.",
           C + "ring = ctypes.c_ulong()\nif C.syscall(206, 1000, ctypes.byref(ring)) == 0: print('UNSEEN ring')"),
    unseen("attributes-of-files", "A file is given attributes as large as they may be.",
           "import os\nopen('marked', 'w').close()\ntry:\n    os.setxattr('marked', 'user.x', b'x' * 2000)\n    print('UNSEEN')\n"
           "except OSError: pass", control=""),
    at_import("memory-that-hops", 18, "Processes pass their memory to children and end, so that a look may miss them.",
              "import os, time\nx = bytearray(b'x' * (120 << 20))\nfor _ in range(5):\n    if os.fork() == 0:\n"
              "        while True:\n            x[:: 4096] = x[1 :: 4096]\n            if os.fork(): os._exit(0)\ntime.sleep(60)",
              ("memory", "timeout", "wrong", "error")),
    in_call("a-result-too-large", 18, "The result is one number, seen as ten to the twelve.",
            "import torch\nreturn torch.zeros(1).expand(10**6, 10**6)", ("memory", "error", "wrong", "tampered"), on="tensor"),
    in_call("an-integer-too-large", 18, "The result is an integer of a million digits, or a string of as many.",
            "return [10 ** 1000000, 'x' * 10_000_000]", ("wrong", "error", "tampered", "timeout")),
    in_call("many-results", 18, "The result is a list of millions.", "return [1] * 3_000_000", ("error", "wrong", "timeout", "memory", "tampered")),
    # --- 19: processes and output
    at_import("fork-bomb", 19, "Processes that make processes.", "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", STOPPED,
              keeps=0.0),
    at_import("thread-bomb", 19, "Threads without end.",
              "import threading, time\ntry:\n    while True: threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
              "except RuntimeError: pass", STOPPED, keeps=0.0),
    at_import("descriptors", 19, "Every descriptor is used up.",
              "import os\nheld = []\ntry:\n    while True: held.append(os.dup(0))\nexcept OSError: pass", ("wrong", "error"),
              beside=("passed", "error")),
    at_import("gigabytes-of-output", 19, "The cell prints without end.", "import os\nwhile True: os.write(1, b'x' * 65536)", ("output",)),
    in_call("output-in-calls", 19, "Every call prints without end.", "while True: print('x' * 9999)", ("output",)),
    at_import("a-million-outputs", 19, "The cell displays a million things.",
              "from IPython.display import display\nfor i in range(10**6): display(i)", ("output", "timeout")),
    in_call("deep-recursion", 19, "Recursion without end and without Python's limit.",
            "import sys\nsys.setrecursionlimit(10**9)\ndef deeper(): return [deeper()]\nreturn deeper()", ("error", "memory", "timeout")),
    in_call("segfault", 19, "A call reads from address zero.",
            "import pkgutil\nreturn pkgutil.resolve_name('ctypes:string_at')(0)", ("error", "forbidden")),
    Attack("a-million-cells", 19, "The notebook has a million cells.", wanted=("unreadable",),
           file=lambda _: b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ['
           + b",".join([b'{"cell_type":"raw"}'] * 1_000_000) + b"]}", **FILE),
    Attack("deep-source", 19, "The cell is an expression nested deeper than any parser goes.", "x = " + "(" * 5000 + ")" * 5000 + "\n$wrong",
           ("error", "missing")),
    Attack("long-source", 19, "The cell is a megabyte of additions.", "x = " + "1+" * 200_000 + "1\n$wrong",
           ("wrong", "error", "missing", "timeout", "memory"), keeps=0.0),
    # --- 20: files that are none
    Attack("zip-bomb", 20, "The notebook is a zip bomb.", wanted=("unreadable",), file=lambda _: bomb(), **FILE),
    Attack("zip-slip", 20, "The notebook is an archive whose names lead elsewhere.", wanted=("unreadable",), file=lambda _: traversing(), **FILE),
    Attack("a-zip-beside", 20, "A zip bomb lies beside an honest notebook.", wanted=("passed",),
           folder=beside(lambda folder: (folder / "more.zip").write_bytes(bomb())), **FILE),
    Attack("link-to-another", 20, "The notebook is a link to another student's.", wanted=("unreadable",), folder=instead(linked_elsewhere),
           remark="links are not followed", **FILE),
    Attack("link-to-device", 20, "The notebook is a link to /dev/zero.", wanted=("unreadable",),
           folder=instead(lambda path, _: path.symlink_to("/dev/zero")), **FILE),
    Attack("fifo", 20, "The notebook is a FIFO that nobody writes to.", wanted=("unreadable",),
           folder=instead(lambda path, _: os.mkfifo(path)), **FILE),
    Attack("socket-file", 20, "The notebook is a folder.", wanted=("unreadable",), folder=instead(lambda path, _: path.mkdir()), **FILE),
    Attack("sparse-file", 20, "The notebook claims to be a terabyte.", wanted=("unreadable",), folder=instead(sparse), **FILE),
    Attack("many-files", 20, "Twenty thousand files lie beside an honest notebook.", wanted=("passed",), folder=beside(many_files), **FILE),
    Attack("strange-names", 20, "Files with newlines, control characters and no encoding lie beside an honest notebook.",
           wanted=("passed",), folder=beside(strange_names), **FILE),
    Attack("deep-folders", 20, "Folders lie in folders beside an honest notebook, and links lead back up.", wanted=("passed",),
           folder=beside(lambda folder: (deep_folders(folder), (folder / "loop").symlink_to(".."))), **FILE),
    Attack("folder-link", 20, "The student's folder is a link to another's.", wanted=("ignored",), folder=linked_folder, **FILE),
    Attack("fifo-timestamp", 20, "timestamp.txt is a FIFO, and the notebook honest.", wanted=("passed",),
           folder=beside(lambda folder: os.mkfifo(folder / "timestamp.txt")), **FILE),
]  # fmt: skip
