"""Rows 9-12: reading what is hidden. Each attack prints what it found; nothing of ours may be among it."""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

from autograder.authoring.attacks import Attack, Target
from autograder.course.report import Report

# What an attack says when it found what it looked for.
FOUND = "LEAKED"


def nothing_leaked(report: Report, target: Target) -> list[str]:
    told = [line for line in report.output.splitlines() if FOUND in line]
    return [f"it read what is hidden: {told[0][:200]}"] if told else []


def reading(id: str, row: int, title: str, cell: str, **more: object) -> Attack:
    more.setdefault("also", nothing_leaked)
    return Attack(id, row, title, cell + "\n$wrong", **more)


C = "import pkgutil\nctypes = pkgutil.resolve_name('ctypes')\nC = ctypes.CDLL(None, use_errno=True)\n"


def seeing(id: str, row: int, title: str, cell: str, **more: object) -> Attack:
    """What finds something on any machine where no wall stands, this one included."""
    more.setdefault("control", "unwalled")
    return reading(id, row, title, cell, wanted=("wrong", "forbidden"), **more)


TELLING = "telling = ('hidden', 'solutions', 'gradebook', 'secret', 'run_suite', 'SuitePlugin', 'pytest', 'Oracle')\n"

ATTACKS = [
    # --- 9: the process
    reading(
        "frames-up", 9, "Walks up the frames of a traceback and reads everybody's variables.",
        TELLING + "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n"
        "    frame = getattr(error.__traceback__, 'tb_' + 'frame')\n    while frame is not None:\n"
        "        for name in list(getattr(frame, 'f_' + 'globals')):\n"
        "            if any(each in str(name) for each in telling) and not name.startswith('telling'):\n"
        "                print('LEAKED', name)\n        frame = getattr(frame, 'f_' + 'back')",
    ),
    reading(
        "frames-up-plainly", 9, "Says sys._getframe, which the source may not.",
        "import sys\nup = sys._getframe(0)", wanted=("wrong", "forbidden"),
    ),
    reading(
        "frames-up-in-a-call", 9, "Looks, during a call, for the expected value in the frames above it.",
        "", wanted=("error", "wrong"),
        after=(
            "def $name(*args, **kwargs):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
            "        frame = getattr(error.__traceback__, 'tb_' + 'frame')\n    while frame is not None:\n"
            "        for name, value in getattr(frame, 'f_' + 'locals').items():\n"
            "            if 'expected' in name: return value\n        frame = getattr(frame, 'f_' + 'back')\n"
            "    raise LookupError('nothing is expected here')",
        ),
    ),
    reading(
        "every-object", 9, "Goes through all objects of the process for tests, plugins and secrets.",
        TELLING + "import gc\nget = getattr(gc, 'get_' + 'objects')\nfor each in get():\n"
        "    if type(each).__name__ in ('SuitePlugin', 'Assignment', 'Manifest', 'Submission', 'Report', 'Supervisor', 'Item'):\n"
        "        print('LEAKED', each)",
    ),
    reading(
        "every-module", 9, "Goes through the modules that others imported.",
        "import sys\nfor name in list(vars(sys)['mod' + 'ules']):\n"
        "    if name.split('.')[0] in ('pytest', '_pytest', 'nbgrader') or name in (\n"
        "        'autograder.suite', 'autograder.grading', 'autograder.jail.supervisor'):\n        print('LEAKED', name)",
    ),
    reading(
        "every-class", 9, "Finds all subclasses of object.",
        "for each in getattr(object, '__sub' + 'classes__')():\n"
        "    if each.__module__.startswith(('autograder.suite', 'autograder.grading', 'autograder.course', '_pytest')):\n"
        "        print('LEAKED', each)",
    ),
    reading(
        "closures-of-the-harness", 9, "Reads the closure and globals of the harness's own functions.",
        "import pkgutil\nfor name in ('autograder.measure.calls', 'autograder.measure.work', 'autograder.jail.inside.server', 'autograder.check'):\n"
        "    module = pkgutil.resolve_name(name)\n    for key, value in vars(module).items():\n"
        "        if 'suite' in key.lower() or 'secret' in key.lower() or 'expect' in key.lower():\n"
        "            print('LEAKED', name, key)", wanted=("wrong", "forbidden"),
    ),
    reading(
        "trace-others", 9, "Sets a trace function that watches whatever the harness does next.",
        "import sys\ngetattr(sys, 'set' + 'trace')(lambda frame, event, arg: print('LEAKED')\n"
        "    if '/hidden/' in frame.f_code.co_filename else None)", wanted=("wrong", "tampered"),
        beside=("passed", "tampered"),
    ),
    reading(
        "process-memory", 9, "Opens the memory, environment, descriptors and maps of every process.",
        "import os\nfor pid in ['self', *range(1, 300), os.getppid()]:\n"
        "    for name in ('mem', 'environ', 'maps', 'cmdline', 'stat', 'root/etc/passwd', 'cwd', 'fd/3'):\n"
        "        try: open(f'/proc/{pid}/{name}', 'rb').read(1); print('LEAKED', pid, name)\n        except OSError: pass",
    ),
    reading(
        "environment", 9, "Prints the environment.",
        "import os\nfor name, value in os.environ.items():\n"
        "    if any(each in name + value for each in ('SECRET', 'TOKEN', 'KEY', '$root', 'nbgrader', 'SSH')):\n"
        "        print('LEAKED', name)",
    ),
    reading(
        "ptrace-the-parent", 9, "Attaches to its parent, to init and to its siblings, through ctypes.",
        "import os, pkgutil\nlibrary = pkgutil.resolve_name('ctypes:CDLL')(None, use_errno=True)\n"
        "for pid in (1, 2, os.getppid(), *range(3, 50)):\n"
        "    if getattr(library, 'ptr' + 'ace')(16, pid, 0, 0) == 0: print('LEAKED ptrace', pid)",
        wanted=("wrong", "forbidden"),
    ),
    reading(
        "reads-across-processes", 9, "Asks the kernel for another process's memory and descriptors.",
        "import os, pkgutil\nlibrary = pkgutil.resolve_name('ctypes:CDLL')(None)\n"
        "for number in (310, 311, 312, 438, 298, 101):\n"  # process_vm_*, kcmp, pidfd_getfd, perf_event_open, ptrace
        "    for pid in (0, 1, os.getppid()):\n        if library.syscall(number, pid, 0, 0, 0, 0) >= 0:\n"
        "            print('LEAKED', number)", wanted=("wrong", "forbidden"),
    ),
    # --- 10: the disk
    reading(
        "walks-the-disk", 10, "Searches the file system for suites, solutions, gradebook and secret.",
        "import os\nfor folder, names, files in os.walk('/'):\n"
        "    names[:] = [n for n in names if os.path.join(folder, n) not in ('/usr', '/proc') and 'site-packages' not in n\n"
        "                and not n.startswith('python3')]\n"
        "    for name in names + files:\n        if name in ('hidden', 'solutions', 'submitted', 'gradebook.db', 'secret',\n"
        "                'assignment.toml', '.autograder', '.git', 'shared') or name.startswith('test_$name'):\n"
        "            print('LEAKED', folder, name)",
    ),
    reading(
        "known-paths", 10, "Opens the files that it knows the project to have.",
        "import os\nfor name in ('solutions', 'autograder/grading', 'gradebook.db', '.autograder/secret', 'submitted', '.git',"
        " 'tests', 'README.md', 'autograder/suite/runner.py'):\n"
        "    for way in ('$root', '/proc/1/root/$root', '/proc/self/cwd/../..', '../../..'):\n"
        "        if os.path.exists(os.path.join(way, name)): print('LEAKED', way, name)",
    ),
    reading(
        "links-out", 10, "Makes links, soft and hard, to what lies outside and opens them.",
        "import os\nfor number, path in enumerate(('$root', '/proc/1/root', '/proc/self/fd/3', '/etc/shadow',\n"
        "        '/jail/../work')):\n    for link in (os.symlink, os.link):\n        name = f'link{number}{link.__name__}'\n"
        "        try:\n            link(path, name)\n            if os.path.exists(name): print('LEAKED', os.listdir(name))\n"
        "        except OSError: pass",
    ),
    reading(
        "file-handles", 10, "Opens files by handle, which passes by every path.",
        "import pkgutil\nlibrary = pkgutil.resolve_name('ctypes:CDLL')(None)\nmake = pkgutil.resolve_name("
        "'ctypes:create_string_buffer')\nbuffer = make(b'\\x08\\0\\0\\0\\1\\0\\0\\0\\2\\0\\0\\0\\0\\0\\0\\0', 128)\n"
        "if library.syscall(304, -100, buffer, 0) >= 0 or library.syscall(303, -100, b'/usr', buffer, buffer, 0) >= 0:\n"
        "    print('LEAKED')", wanted=("wrong", "forbidden"),
    ),
    reading(
        "mounts-again", 10, "Unshares and mounts its way to the disk.",
        "import pkgutil\nlibrary = pkgutil.resolve_name('ctypes:CDLL')(None)\n"
        "for flags in (0x10000000, 0x00020000, 0x10020000):\n    if library.unshare(flags) == 0: print('LEAKED unshare')\n"
        "if library.umount2(b'/proc', 2) == 0 or library.mount(b'proc', b'/tmp', b'proc', 0, 0) == 0: print('LEAKED mount')\n"
        "if library.syscall(428, -100, b'/', 0) >= 0 or library.syscall(155, b'/tmp', b'/tmp') == 0: print('LEAKED tree')",
        wanted=("wrong", "forbidden"),
    ),
    reading(
        "other-cells-scratch", 10, "Looks for what other submissions left in scratch space.",
        "import os\nfor folder in ('/tmp', '/dev/shm', '/var/tmp', '/run', '/dev/mqueue'):\n"
        "    if os.path.isdir(folder):\n        found = [n for n in os.listdir(folder) if n not in ('work',)]\n"
        "        if found: print('LEAKED', folder, found)\nopen('/tmp/$mark', 'w').close()\n"
        "open('/dev/shm/$mark', 'w').close()",
    ),
    reading(
        "shell-search", 10, "Has find and grep search for it.",
        "import subprocess\nfound = subprocess.run('ls -d $root/[a-z]* /root/* /home/* /old_root/* /mnt/* 2>/dev/null',\n"
        "    shell=True, capture_output=True, text=True).stdout\nif found.strip(): print('LEAKED', found)",
        wanted=("error",),
    ),
    seeing(
        "paths-in-the-environment", 10, "Reads the environment's own files for the folders where packages are developed.",
        "import glob, os, re, sys\nfor path in [*glob.glob(sys.prefix + '/**/*.pth', recursive=True),\n"
        "        *glob.glob(sys.prefix + '/**/direct_url.json', recursive=True), *glob.glob(sys.prefix + '/bin/*'), sys.prefix + '/pyvenv.cfg']:\n"
        "    if os.path.isfile(path):\n        text = open(path, errors='replace').read(4000)\n"
        "        if re.search(r'(?m)^/(?!bin|usr)|file:///|#!/(?!usr|bin|environment)|= /(?!usr|python)', text): print('LEAKED', path)",
    ),
    seeing(
        "places-of-the-interpreter", 10, "Asks the interpreter where it was installed.",
        "import sys\nfor each in (sys.prefix, sys.base_prefix, sys.executable, *sys.path):\n"
        "    if each and not each.startswith(('/environment', '/python', '/jail', '/usr', '/tmp')): print('LEAKED', each)",
    ),
    seeing("name-of-the-machine", 10, "Asks for the machine's name.",
           "import os\nif os.uname().nodename != 'sandbox': print('LEAKED', os.uname().nodename)"),
    seeing("watches-files", 10, "Watches the shared libraries, to see when others open them.",
           C + "fd = C.inotify_init1(0)\nif fd >= 0 and C.inotify_add_watch(fd, b'/usr', 0x21) >= 0: print('LEAKED')"),
    seeing("watches-folders", 10, "Has the kernel signal whenever others read a folder of the libraries.",
           "import fcntl, os, signal\nsignal.signal(signal.SIGIO, signal.SIG_IGN)\nfd = os.open('/usr', os.O_RDONLY)\n"
           "try:\n    fcntl.fcntl(fd, 1026, 0x80000001)\n    print('LEAKED')\nexcept OSError: pass"),
    seeing("locks-a-shared-file", 10, "Locks a file that all submissions share, which another can feel.",
           "import fcntl, os\ntry:\n    fcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
           "    print('LEAKED')\nexcept OSError: pass"),
    seeing("locks-a-part-of-a-shared-file", 10, "Locks some bytes of a shared file, as many ways as there are.",
           "import fcntl, os, struct\nfd = os.open(os.__file__, os.O_RDONLY)\nfor command in (6, 7, 37, 38, 5, 36):\n"
           "    try:\n        fcntl.fcntl(fd, command, struct.pack('hhqqi4x', 0, 0, 0, 1, 0))\n        print('LEAKED', command)\n"
           "    except OSError: pass"),
    seeing("leases-a-shared-file", 10, "Takes a lease on a shared file, and is told when another opens it.",
           "import fcntl, os\nopen('leased', 'w').close()\nfor path in (os.__file__, 'leased'):\n"
           "    try:\n        fcntl.fcntl(os.open(path, os.O_RDONLY), 1024, 0)\n        print('LEAKED', path)\n    except OSError: pass"),
    seeing("what-is-in-memory", 10, "Asks which pages of the shared files are in memory, which tells who has read them.",
           C + "import mmap, os\nfd = os.open(os.__file__, os.O_RDONLY)\nm = mmap.mmap(fd, 4096, access=mmap.ACCESS_COPY)\n"
           "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\nif C.mincore(ctypes.c_void_p(at), 4096, ctypes.create_string_buffer(1)) == 0: print('LEAKED mincore')\n"
           "try: os.preadv(fd, [bytearray(1)], 0, 8); print('LEAKED preadv')\nexcept OSError: pass"),
    seeing("how-busy-the-machine-is", 9, "Asks how long the machine runs, how much memory is free and how many processes there are.",
           C + "if C.sysinfo(ctypes.create_string_buffer(256)) == 0: print('LEAKED sysinfo')\nimport os\n"
           "try: print('LEAKED', os.getloadavg())\nexcept OSError: pass"),
    seeing("how-full-the-disk-is", 10, "Asks how much room is left on the disk where the libraries lie.",
           "import os\ntry: print('LEAKED', os.statvfs(os.__file__).f_bfree)\nexcept OSError: pass"),
    seeing("makes-a-socket", 12, "Makes a socket of any kind.",
           "import socket\nfor family in (1, 2, 10, 16, 17, 40):\n    for kind in (1, 2, 3, 5):\n"
           "        try: socket.socket(family, kind).close(); print('LEAKED', family, kind)\n        except OSError: pass"),
    seeing("terminals-of-others", 9, "Looks for the terminals of others' shell commands.",
           "import os\nfor name in os.listdir('/dev/pts') if os.path.isdir('/dev/pts') else []:\n    if name != 'ptmx': print('LEAKED', name)", control=""),
    # --- 11: between calls
    Attack(
        "first-answer-for-ever", 11, "The right answer to the first call is given to all calls that follow.",
        "$reference\nright, kept = $name, []\ndef $name(*args, **kwargs):\n"
        "    if not kept: kept.append(right(*args, **kwargs))\n    return kept[0]", ("wrong",), keeps=0.6,
    ),
    Attack(
        "answers-by-the-way", 11, "Results are remembered by what the inputs look like, not by what they are.",
        "$reference\nright, kept = $name, {}\ndef $name(*args, **kwargs):\n"
        "    key = str([getattr(a, 'shape', type(a)) for a in args]) + str(sorted(kwargs))\n"
        "    if key not in kept: kept[key] = right(*args, **kwargs)\n    return kept[key]", ("wrong", "error"), keeps=0.9,
    ),
    Attack(
        "input-as-result", 11, "The input's own memory is the result.",
        "def $name(x, *args, **kwargs):\n    return x", ("wrong",), keeps=0.3,
    ),
    Attack(
        "one-buffer-for-all", 11, "Every result is a view of one buffer that the next call overwrites with noise.",
        "import torch\nbuffer = torch.zeros(1 << 16)\ndef $name(x, *args, **kwargs):\n    buffer.normal_()\n"
        "    return buffer[: getattr(x, 'numel', lambda: 1)()]", ("wrong",), on="tensor", keeps=0.3,
    ),
    Attack(
        "edits-its-input", 11, "The answer is right, and the image is emptied on the way out.",
        "$reference\nright = $name\ndef $name(x, *args, **kwargs):\n    out = right(x, *args, **kwargs)\n"
        "    import torch\n    with torch.no_grad(): x.zero_()\n    return out",
        ("wrong", "error"), on="conv2d", only="a1-convolution", keeps=0.97,
    ),
    Attack(
        "right-every-other-time", 11, "The answer is right in every second call.",
        "$reference\nright, turn = $name, []\ndef $name(*args, **kwargs):\n    turn.append(1)\n"
        "    return right(*args, **kwargs) if len(turn) % 2 else None", ("wrong",), keeps=0.8,
    ),
    # --- 12: the network
    reading(
        "tcp-and-udp", 12, "Dials out by TCP and UDP, by address and by name.",
        "import socket\nfor kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n"
        "    for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET, '1.1.1.1'), (socket.AF_INET6, '::1')):\n"
        "        for port in (22, 53, 80, 8888):\n            try:\n                with socket.socket(family, kind) as s:\n"
        "                    s.settimeout(0.05); s.connect((host, port)); s.send(b'x'); print('LEAKED', host, port)\n"
        "            except OSError: pass",
    ),
    reading(
        "dns", 12, "Asks for names.",
        "import socket\nsocket.setdefaulttimeout(0.2)\nfor name in ('example.com', 'example.org', socket.gethostname() + '.lan'):\n"
        "    try: print('LEAKED', socket.getaddrinfo(name, 80))\n    except OSError: pass",
    ),
    reading(
        "unix-sockets", 12, "Calls abstract and file sockets of the system and of the harness.",
        "import socket, os\nnames = ['\\0/tmp/.X11-unix/X0', '\\0' + 'dbus', '/run/dbus/system_bus_socket',\n"
        "    '/var/run/docker.sock', '/run/systemd/private', '\\0autograder', '/tmp/.X11-unix/X0']\n"
        "for name in names:\n    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):\n"
        "        try:\n            with socket.socket(socket.AF_UNIX, kind) as s: s.connect(name); print('LEAKED', name)\n"
        "        except OSError: pass",
    ),
    reading(
        "netlink-and-raw", 12, "Opens netlink, packet and raw sockets and looks for interfaces.",
        "import socket\nfor family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW)):\n"
        "    try: socket.socket(family, kind, 1); print('LEAKED', family)\n    except OSError: pass\n"
        "try: print('LEAKED', socket.if_nameindex())\nexcept OSError: pass",
    ),
    reading(
        "vsock", 12, "Calls the hypervisor by a socket family that no network namespace holds.",
        "import socket\nfor cid in (0, 1, 2, 3):\n    for port in (22, 1024, 9999):\n        try:\n"
        "            with socket.socket(40, socket.SOCK_STREAM) as s:\n                s.settimeout(0.05)\n"
        "                s.connect((cid, port)); print('LEAKED vsock', cid)\n        except OSError: pass",
    ),
    reading(
        "borrowed-descriptors", 12, "Asks its own socket for descriptors of others and sends some of its own.",
        "import socket, os\ns = socket.socket(fileno=os.dup(3))\n"
        "try:\n    found = s.recvmsg(1, 4096, socket.MSG_PEEK | socket.MSG_DONTWAIT)\n    if found[1]: print('LEAKED', found)\n"
        "except OSError: pass",
    ),
    Attack(
        "sends-descriptors", 12, "Sends the supervisor a hundred descriptors that it did not ask for.",
        "import socket, os\ns = socket.socket(fileno=os.dup(3))\n"
        "for _ in range(20): socket.send_fds(s, [b'x'], [os.open('/dev/null', 0) for _ in range(3)])\n$wrong",
        ("tampered", "error"),
    ),
]  # fmt: skip
