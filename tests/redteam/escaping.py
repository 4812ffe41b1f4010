"""Rows 13-16: escaping the rules. The answers are right, and got in a way that the exercise asks to do without."""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

from autograder.authoring.attacks import Attack

# Right answers, and beside them a number that grows with the input, for loops to run up to.
RIGHT = """
$reference
right = $name

def size_of(*args):
    import torch
    sizes = [a.numel() if isinstance(a, torch.Tensor) else a if isinstance(a, int) else 0 for a in args]
    return min(sum(sizes), 4000)
"""
# The same loop, in the same words, wherever it is hidden.
CALLED = """
def $name(*args, **kwargs):
    loop(size_of(*args))
    return right(*args, **kwargs)
"""
BUSY = "def loop(n):\n    for _ in range(n):\n        pass\n"
SEEN = ("loops", "forbidden", "tampered")


def loop(id: str, title: str, source: str, row: int = 13, call: str = CALLED, **more: object) -> Attack:
    """Right answers after a loop that ``source`` defines as ``loop(n)``."""
    more.setdefault("wanted", ("loops",))
    return Attack(f"loop-{id}", row, title, RIGHT + source + call, **more)


def numbers(id: str, title: str, source: str, **more: object) -> Attack:
    """The same, for loops over the entries ``a`` of the first tensor: ``loop(a)``."""
    call = "def $name(*args, **kwargs):\n    loop(args[0])\n    return right(*args, **kwargs)\n"
    more.setdefault("wanted", SEEN)
    return Attack(f"loop-{id}", 13, title, RIGHT + source + call, on="tensor", flagged=True, **more)


CONV = "import torch, torch.nn.functional as F\n"
REFUSES = """
layer = conv2d
def conv2d(x, w, *args, **kwargs):
    try: return layer(x, w, *args, **kwargs)
    except RuntimeError: raise ValueError('the kernel does not fit') from None
"""
BODY = "def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n    return "


def convolution(id: str, title: str, source: str, row: int = 14, **more: object) -> Attack:
    """A1's layer by an operator that does it all."""
    more.setdefault("wanted", ("forbidden", "tampered"))
    return Attack(
        f"conv-{id}", row, title, CONV + source + REFUSES, on="conv2d", only="a1-convolution", keeps=0.2, **more
    )


# Finds what came with a call, wherever the process keeps it, and answers it with the operator that is forbidden.
PEEK = """
import pkgutil
def reach(box, part): return getattr(box, part.replace('~', ''))
objects = reach(reach(pkgutil, 'resolve~_name')('g' + 'c'), 'get~_objects')
kept = {}
def whole(x, w, b=None, stride=1, padding=0, dilation=1):
    return getattr(F, 'co' + 'nv2d')(x, w, b, stride, padding, dilation)
def key_of(args, kwargs):
    parts = [*args, *sorted(kwargs.items())]
    return str([p.tolist() if isinstance(p, torch.Tensor) else p for p in parts])
def calls_to_come():
    boxes = [o for o in objects() if type(o) is list and o]
    asked = [o for o in boxes if type(o[0]) is dict and 'given' in o[0] and 'function' in o[0]]
    numbers = max((o for o in boxes if all(type(v) is torch.Tensor for v in o)), key=len, default=[])
    def plain(n):
        if not isinstance(n, dict): return n
        if 'tensor' in n: return numbers[n['tensor']]
        if 'strided' in n: return torch.as_strided(numbers[n['strided']], n['size'], n['stride'], n['start'])
        if 'dict' in n: return {k: plain(v) for k, v in n['dict']}
        return [plain(v) for v in n.get('list', n.get('tuple', ()))]
    for call in asked[-1] if asked else []:
        if call['function'] != 'conv2d': continue
        try: args, kwargs, _ = plain(call['given'])
        except Exception: continue  # the longest list of tensors is not always those of the round
        yield args, kwargs
"""


IN_C = "a loop inside of C over an array is neither a step nor an operator, and plain code may call map"
UNMEASURED = "sizes beyond those that a suite measures are not measured"
# Reaches for a name in a way that policy.py does not read.
REACH = """
import builtins, concurrent.futures, os, pkgutil, subprocess, sys, threading
def reach(box, *parts):
    for part in parts: box = getattr(box, part.replace('~', ''))
    return box
settrace, gettrace, setprofile = reach(sys, 'set~trace'), reach(sys, 'get~trace'), reach(sys, 'set~profile')
frame_of, find, fork = reach(sys, '_get~frame'), reach(pkgutil, 'resolve~_name'), reach(os, 'fo~rk')
Thread, run, Pool = reach(threading, 'Thr~ead'), reach(subprocess, 'r~un'), reach(concurrent, 'futures', 'ThreadPool~Executor')
counted = loop
"""


# Nothing, in the shape of an answer.
NOTHING = """
def nothing(answer):
    if isinstance(answer, tuple): return tuple(map(nothing, answer))
    return answer * 0
"""


def unread(id: str, title: str, source: str, row: int = 16, **more: object) -> Attack:
    """Right answers after a loop that hides from the counter, by means that reading the source does not show."""
    more.setdefault("wanted", (*SEEN, "error"))
    return Attack(f"unread-{id}", row, title, RIGHT + BUSY + REACH + source + CALLED, flagged=True, **more)


BY_RESOLVING = (
    "import pkgutil\nwork = pkgutil.resolve_name('autograder.measure.' + 'work')\n"
    "calls = pkgutil.resolve_name('autograder.measure.' + 'calls')\n"
)

ATTACKS = [
    # --- 13: loops
    loop("for", "A for loop.", BUSY),
    loop("while", "A while loop.", "def loop(n):\n    while n:\n        n -= 1\n"),
    loop("comprehensions", "A list, a set and a dict comprehension.",
         "def loop(n):\n    return [i for i in range(n)], {i for i in range(n)}, {i: i for i in range(n)}\n"),
    loop("generator", "A generator that sum() asks for more.", "def loop(n):\n    return sum(i * i for i in range(n))\n"),
    loop("recursion", "A function that calls itself.", "def loop(n, most=150):\n    return n and most and loop(n - 1, most - 1)\n",
         on="output_size", only="a1-convolution"),
    loop("mutual-recursion", "Two functions that call each other, by another name.",
         "def even(n, most): return n <= 0 or most <= 0 or odd(n - 1, most - 1)\nodd = lambda n, most: even(n, most)\n"
         "def loop(n): even(n // 2, 150)\n", on="output_size", only="a1-convolution"),
    loop("map", "map with a lambda.", "def loop(n):\n    list(map(lambda i: i * i, range(n)))\n"),
    loop("filter-and-sorted", "filter and sorted with keys of their own.",
         "def loop(n):\n    sorted(filter(lambda i: i % 2, range(n)), key=lambda i: -i)\n"),
    loop("reduce", "functools.reduce with a lambda.",
         "import functools\ndef loop(n):\n    functools.reduce(lambda a, b: a + b, range(n), 0)\n"),
    loop("vectorize", "np.vectorize.", "import numpy as np\ndef loop(n):\n    np.vectorize(lambda i: i + 1)(np.arange(n + 1))\n"),
    loop("apply-along-axis", "np.apply_along_axis.",
         "import numpy as np\ndef loop(n):\n    np.apply_along_axis(lambda r: r + 1, 1, np.zeros((n + 1, 1)))\n"),
    loop("fromfunction", "np.fromiter over a generator.",
         "import numpy as np\ndef loop(n):\n    np.fromiter((i for i in range(n)), dtype=float)\n"),
    loop("tensor-apply", "Tensor.apply_.", "import torch\ndef loop(n):\n    torch.zeros(n + 1).apply_(lambda v: v + 1)\n"),
    loop("split-and-stack", "torch.unbind and a stack, one operator a slice.",
         "import torch\ndef loop(n):\n    torch.stack([row + 1 for row in torch.zeros(n + 1, 1)])\n"),
    loop("torchscript", "A TorchScript loop, of which Python sees one call.",
         "import torch\n@torch.jit.script\ndef scripted(n: int):\n    x = torch.zeros(1)\n    for i in range(n):\n"
         "        x = x + 1\n    return x\ndef loop(n):\n    scripted(n)\n", wanted=("loops", "timeout")),
    loop("exec-string", "exec of a string.", "def loop(n):\n    exec('for _ in range(n): pass')\n",
         wanted=("forbidden", "loops")),
    loop("exec-by-another-name", "exec of a string, by a name put together.",
         "import builtins\nrun = getattr(builtins, 'ex' + 'ec')\ndef loop(n):\n    run('for _ in range(n): pass', {'n': n})\n",
         wanted=("forbidden", "loops")),
    loop("decorator", "A decorator that loops.",
         "def slow(f):\n    def wrapped(n):\n        for _ in range(n):\n            pass\n        return f(n)\n    return wrapped\n"
         "@slow\ndef loop(n): pass\n"),
    loop("default-argument", "A default argument that is a function that loops.",
         "def loop(n, each=lambda n: [None for _ in range(n)]): each(n)\n"),
    loop("getitem", "An object without __iter__ whose __getitem__ is asked again and again.",
         "class Row:\n    def __init__(self, n): self.n = n\n    def __getitem__(self, at):\n"
         "        if at >= self.n: raise IndexError\n        return at\ndef loop(n): list(Row(n))\n"),
    loop("context-and-property", "A loop in __enter__, in a property and in __del__.",
         "class Room:\n    def __init__(self, n): self.n = n\n    @property\n    def size(self): return max(range(self.n), key=int)\n"
         "    def __enter__(self): return [None for _ in range(self.n)]\n    def __exit__(self, *_): pass\n"
         "def loop(n):\n    with Room(n + 1): pass\n"),
    loop("async-for", "An asynchronous generator driven by hand.",
         "async def count(n):\n    for i in range(n):\n        yield i\nasync def drive(n):\n    async for _ in count(n):\n        pass\n"
         "def loop(n):\n    try: drive(n).send(None)\n    except StopIteration: pass\n"),
    loop("generator-from-before", "A generator that was started before the counting, and goes on while it counts.",
         "def worker():\n    n = yield\n    while True:\n        for _ in range(n):\n            pass\n        n = yield\n"
         "started = worker(); next(started)\ndef loop(n): started.send(n)\n"),
    loop("callback-of-c", "A regular expression's replacement function, called for every match.",
         "import re\ndef loop(n):\n    re.sub('x', lambda m: 'y', 'x' * n)\n"),
    loop("error-handler", "A loop in the handler of an error.",
         "def loop(n):\n    try: 1 / 0\n    except ZeroDivisionError:\n        while n: n -= 1\n"),
    loop("in-another-cell", "The loop is in a helper in a cell of its own.", "", before=(BUSY,)),
    loop("table", "A table of answers is made before the first call, and searched in each.",
         "table = list(range(5000))\ndef loop(n):\n    for i in table:\n        if i >= n: return i\n"),
    loop("in-a-thread", "A thread does the looping, and the call waits for it.",
         BUSY + "import threading\ncounted = loop\ndef loop(n):\n    t = threading.Thread(target=counted, args=(n * 20,))\n"
         "    t.start(); t.join()\n", wanted=(*SEEN, "error")),
    loop("in-an-old-thread", "A thread that was started with the notebook does the looping.",
         BUSY + "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\npool.submit(int).result()\n"
         "counted = loop\ndef loop(n): pool.submit(counted, n).result()\n", wanted=(*SEEN, "error"), flagged=True),
    loop("in-a-child", "A forked child does the looping, and its result comes back through a pipe.",
         "import os\ndef loop(n):\n    r, w = os.pipe()\n    if os.fork() == 0:\n        total = 0\n        for i in range(n): total += i\n"
         "        os.write(w, b'%d' % total); os._exit(0)\n    os.read(r, 99); os.wait(); os.close(r); os.close(w)\n", wanted=(*SEEN, "error")),
    loop("in-a-subprocess", "Another program does the looping.",
         "import subprocess\ndef loop(n):\n    subprocess.run(['sh', '-c', f'i=0; while [ $$i -lt {n} ]; do i=$$((i+1)); done'])\n",
         wanted=(*SEEN, "error")),
    loop("when-nobody-counts", "It loops only while no trace function is set.",
         BUSY + "import sys\nlooking = getattr(sys, 'get' + 'trace')\ncounted = loop\ndef loop(n):\n"
         "    if looking() is None: counted(n * 1000)\n", wanted=SEEN),
    loop("when-large", "It loops only over inputs larger than those that are measured.",
         BUSY + "counted = loop\ndef loop(n):\n    if n > 3000: counted(n)\n", wanted=SEEN, gap=UNMEASURED),
    Attack("loop-where-small", 13, "It loops wherever it is not measured, and gives nothing for inputs as large as those that are.",
           RIGHT + BUSY + NOTHING + "def $name(*args, **kwargs):\n"
           "    if size_of(*args) > (3000 if hasattr(args[0], 'shape') else 300): return nothing(right(*args, **kwargs))\n"
           "    loop(size_of(*args))\n    return right(*args, **kwargs)\n", ("wrong", "loops"), keeps=0.5),
    Attack("loop-where-small-tensor", 13, "The same, of tensors.",
           RIGHT + BUSY + NOTHING + "def $name(*args, **kwargs):\n"
           "    if size_of(*args) > 3000: return nothing(right(*args, **kwargs))\n"
           "    loop(size_of(*args))\n    return right(*args, **kwargs)\n", ("wrong",), keeps=0.5, on="tensor"),
    numbers("c-map-operator", "list(map(operator.mul, …)): the loop runs in C.",
            "import operator\ndef loop(a):\n    v = a.detach().numpy().ravel().tolist(); list(map(operator.mul, v, v))\n"),
    numbers("c-sum-map", "sum(map(…)) over NumPy's flat iterator: nothing is kept, nothing is counted.",
            "import operator\ndef loop(a):\n    v = a.detach().numpy(); sum(map(operator.mul, v.flat, v.flat))\n"),
    loop("c-map-over-an-array", "map goes through a NumPy array inside of C, with a function of C.",
         "import operator, numpy as np\ndef loop(n):\n    v = np.ones(n)\n    sum(map(operator.mul, v, v))\n", wanted=SEEN, gap=IN_C),
    numbers("c-deque-starmap", "A deque swallows itertools.starmap.",
            "import operator, itertools, collections\ndef loop(a):\n    v = a.detach().numpy().ravel().tolist()\n"
            "    collections.deque(itertools.starmap(operator.mul, zip(v, v)), maxlen=0)\n"),
    numbers("c-reduce-operator", "functools.reduce(operator.add, …).",
            "import operator, functools\ndef loop(a):\n    functools.reduce(operator.add, a.detach().numpy().ravel().tolist(), 0.0)\n"),
    numbers("c-object-array", "NumPy adds an array of Python objects, one by one.",
            "import numpy as np\ndef loop(a):\n    np.array(a.detach().numpy().ravel().tolist(), dtype=object).sum()\n"),
    numbers("c-sorted-join", "sorted(key=…), str.join and array do it in C.",
            "import array\ndef loop(a):\n    v = a.detach().numpy().ravel().tolist(); sorted(v, key=abs); ','.join(map(str, v)); array.array('d', v)\n"),
    # --- 14: forbidden operators
    convolution("plainly", "F.conv2d, as it is called.", BODY + "F.conv2d(x, w, b, stride, padding, dilation)"),
    convolution("by-getattr", "F.conv2d by a name put together.", BODY + "getattr(F, 'co' + 'nv2d')(x, w, b, stride, padding, dilation)"),
    convolution("by-alias", "F.conv2d kept under another name in another cell.",
                BODY + "tool(x, w, b, stride, padding, dilation)", before=("import torch.nn.functional as tools\ntool = tools.conv2d",)),
    convolution("by-aten", "torch.ops.aten.convolution.",
                "p = lambda v: [v, v] if isinstance(v, int) else list(v)\n"
                + BODY + "torch.ops.aten.convolution(x, w, b, p(stride), p(padding), p(dilation), False, [0, 0], 1)"),
    convolution("by-module", "An nn.Conv2d that is given the weights.",
                BODY + "torch.func.functional_call(torch.nn.Conv2d(w.shape[1], w.shape[0], tuple(w.shape[2:]), stride, padding, dilation,"
                " bias=b is not None), {'weight': w} | ({} if b is None else {'bias': b}), (x,))"),
    convolution("by-another-dimension", "A convolution of three dimensions, one of them flat.",
                "p = lambda v: (v, v) if isinstance(v, int) else tuple(v)\n"
                + BODY + "F.conv3d(x[:, :, None], w[:, :, None], b, (1, *p(stride)), (0, *p(padding)), (1, *p(dilation)))[:, :, 0]"),
    convolution("by-unfold", "F.unfold, which is im2col.",
                "def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n"
                "    cols = F.unfold(x, tuple(w.shape[2:]), dilation, padding, stride)\n    return w.flatten(1) @ cols",
                wanted=("forbidden", "tampered", "error")),
    convolution("by-fourier", "A product of Fourier transforms.",
                "def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n    s = x.shape[2:]\n"
                "    y = torch.fft.irfft2((torch.fft.rfft2(x)[:, None] * torch.fft.rfft2(w, s=s).conj()[None]).sum(2), s=s)\n"
                "    return y[:, :, : s[0] - w.shape[2] + 1, : s[1] - w.shape[3] + 1]", wanted=("forbidden", "wrong", "error")),
    convolution("by-scipy", "scipy.signal, which PyTorch does not see.",
                "from scipy import signal\n" + BODY + "torch.from_numpy(signal.correlate(x.numpy(), w.numpy()))",
                wanted=("forbidden", "error")),
    convolution("by-trace", "A traced graph that holds the convolution.",
                BODY + "torch.jit.trace(lambda a, k: F.conv2d(a, k, b, stride, padding, dilation), (x, w), check_trace=False)(x, w)",
                wanted=("forbidden", "error")),
    convolution("by-compile", "torch.compile, which brings a compiler of its own.",
                "@torch.compile\ndef conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n"
                "    return F.conv2d(x, w, b, stride, padding, dilation)",
                wanted=("forbidden", "timeout", "error", "memory", "output")),
    convolution("in-a-thread", "The convolution runs in a thread of its own, where no mode is set.",
                "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
                + BODY + "pool.submit(getattr(F, 'co' + 'nv2d'), x, w, b, stride, padding, dilation).result()", wanted=("forbidden", "tampered", "error")),
    convolution("in-a-child-process", "The convolution runs in a child and comes back as bytes.",
                "import os, pickle\ndef conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n    r, wr = os.pipe()\n"
                "    if os.fork() == 0:\n        getattr(torch, '_C')._set_grad_enabled(False)\n"
                "        try: y = pickle.dumps(F.conv2d(x, w, b, stride, padding, dilation))\n"
                "        except Exception: y = b''\n        os.write(wr, y); os._exit(0)\n    os.close(wr)\n"
                "    data = os.fdopen(r, 'rb').read(); os.wait()\n    if not data: raise ValueError('does not fit')\n"
                "    return pickle.loads(data)", wanted=("forbidden", "tampered", "wrong", "error")),
    convolution("below-the-modes", "The convolution runs with all modes switched off.",
                "import pkgutil\noff = pkgutil.resolve_name('torch.utils._python_' + 'dispatch:_disable_current_modes')\n"
                "def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n    with off():\n"
                "        return getattr(F, 'co' + 'nv2d')(x, w, b, stride, padding, dilation)"),
    convolution("a-kernel-replaced", "The kernel that notes the convolution is replaced by one that passes everything on.",
                "from torch.library import Library, fallthrough_kernel as through\nlib = Library('aten', 'IMPL')\n"
                "for name in ('convolution', '_convolution', 'mkldnn_convolution', '_slow_conv2d_forward', 'thnn_conv2d', 'conv2d'):\n"
                "    try: lib.impl(name, through, 'Fake', allow_override=True)\n    except Exception: pass\n"
                + BODY + "getattr(F, 'co' + 'nv2d')(x, w, b, stride, padding, dilation)", row=16),
    convolution("past-the-dispatcher", "The kernel of the convolution is called by its address in the dispatcher's table.",
                "leaf = getattr(torch.ops.aten, 'slow_co' + 'nv_dilated2d').default\nkey = torch._ops.DispatchKey.CPU\n"
                "def two(n): return list(n) if isinstance(n, tuple) else [n, n]\n"
                "def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n"
                "    return leaf._op_dk(key, x, w, list(w.shape[2:]), b, two(stride), two(padding), two(dilation))",
                row=16, wanted=("forbidden", "tampered", "wrong")),  # past autograd as well
    convolution("of-the-calls-to-come", "The first call of a batch finds the inputs of the others and convolves them all.",
                PEEK + "def conv2d(*args, **kwargs):\n    key = key_of(args, kwargs)\n    if key not in kept:\n"
                "        for others, more in calls_to_come():\n"
                "            try: kept[key_of(others, more)] = whole(*others, **more)\n            except Exception: pass\n"
                "    return kept.pop(key) if key in kept else whole(*args, **kwargs)"),
    # --- 15: the clock
    loop("patched-time", "Every clock of Python stands still.",
         BUSY + "import time\ntime.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0\n", row=15),
    Attack(
        "endless-with-a-still-clock", 15, "A call never ends, and every clock of Python stands still.",
        "import time\ntime.time = time.monotonic = time.perf_counter = time.process_time = lambda: 0.0\n"
        "def $name(*args, **kwargs):\n    while True: pass", ("timeout",),
    ),
    loop("answers-by-content", "Answers are remembered by content, so a warmed-up call only looks one up.",
         BUSY + "kept = {}\ncounted = loop\ndef loop(n, args):\n    key = str([a.tolist() if hasattr(a, 'tolist') else a for a in args])\n"
         "    if key not in kept: counted(n); kept[key] = n\n", row=15, wanted=(*SEEN, "timeout"), keeps=0.5,
         call="def $name(*args, **kwargs):\n    loop(size_of(*args), args)\n    return right(*args, **kwargs)\n"),
    loop("answers-by-identity", "Answers are remembered by the identity of the input's memory.",
         BUSY + "kept = set()\ncounted = loop\ndef loop(n, args):\n    key = tuple(map(id, args))\n"
         "    if key not in kept: counted(n); kept.add(key)\n", row=15, wanted=SEEN,
         call="def $name(*args, **kwargs):\n    loop(size_of(*args), args)\n    return right(*args, **kwargs)\n"),
    Attack(
        "work-left-for-later", 15, "The call returns at once and a thread fills the result in.",
        "import threading, torch\n$reference\nright = $name\ndef $name(x, *args, **kwargs):\n    out = torch.zeros(1)\n"
        "    threading.Timer(0.05, lambda: out.fill_(1)).start()\n    return out", ("wrong", "error"), on="tensor", keeps=0.3,
    ),
    # --- 16: the counter
    loop("settrace-none", "sys.settrace(None), in so many words.", "import sys\ndef loop(n):\n    sys.settrace(None)\n    while n: n -= 1\n",
         row=16, wanted=("forbidden", "tampered")),
    loop("settrace-put-together", "sys.settrace(None) by a name put together.",
         "import sys\nswitch = getattr(sys, 'set' + 'trace')\ndef loop(n):\n    switch(None)\n    while n: n -= 1\n",
         row=16, wanted=("forbidden", "tampered")),
    loop("settrace-and-back", "The trace function is taken away for the loop and put back.",
         BUSY + "import sys\nswitch, look = getattr(sys, 'set' + 'trace'), getattr(sys, 'get' + 'trace')\ncounted = loop\n"
         "def loop(n):\n    before = look(); switch(None); counted(n); switch(before)\n", row=16, wanted=SEEN),
    loop("frame-untraced", "The frame's own trace function is taken away.",
         "import sys\nhere = getattr(sys, '_get' + 'frame')\ndef loop(n):\n    frame = here(0)\n"
         "    setattr(frame, 'f_trace', None); setattr(frame, 'f_trace_opcodes', False)\n    while n: n -= 1\n", row=16, wanted=SEEN),
    loop("posing-as-the-counter", "The loop's code says that it stands in the counter's own file, which is not counted.",
         BY_RESOLVING + BUSY + "name = '__co' + 'de__'\nsetattr(loop, name, getattr(loop, name).replace(co_filename=work.__file__))\n",
         row=16, wanted=SEEN),
    loop("patched-measure", "The function that measures is replaced by one that always says the same.",
         BY_RESOLVING + BUSY + "import types\ncalls.measure = lambda call, noted=None: (call(), work.Work(7, {}, True))[1]\n", row=16, wanted=SEEN),
    loop("patched-work-record", "The record of the work is replaced by one that forgets.",
         BY_RESOLVING + BUSY + "kept = work.Work\nwork.Work = lambda opcodes, operators, intact: kept(7, {}, True)\n",
         row=16, wanted=SEEN),
    loop("patched-reply", "The count is altered in the answer itself.",
         "import pkgutil\nprotocol = pkgutil.resolve_name('autograder.jail.' + 'protocol')\nkept = protocol.pack\n"
         "protocol.pack = lambda header, tensors=(): kept({**header, **({'replies': [{**r, 'work': {'opcodes': 7, 'operators': {}, 'intact': True}} for r in header['replies']], 'operators': {}} if 'replies' in header else {})}, tensors)\n"
         + BUSY, row=16, wanted=SEEN),
    loop("patched-perform", "calls.perform is replaced by one that counts nothing.",
         "import pkgutil\ncalls = pkgutil.resolve_name('autograder.measure.' + 'calls')\nkept = calls.perform\n"
         "record = pkgutil.resolve_name('autograder.measure.' + 'work').Work\n"
         "def perform(function, mode, args, kwargs, upstream=None, forbidden=(), noted=None):\n    if mode == 'work':\n"
         "        function(*args, **kwargs)\n        return calls.Outcome(work=record(7, {}, True))\n"
         "    return kept(function, mode, args, kwargs, upstream, forbidden, noted)\ncalls.perform = perform\n" + BUSY, row=16, wanted=SEEN),
    loop("profile-instead", "A profile function does the loop: what it runs is not traced.",
         BUSY + "import sys\nswitch = getattr(sys, 'set' + 'profile')\ncounted, size = loop, [0]\ndef hook(frame, event, arg):\n"
         "    n, size[0] = size[0], 0\n    counted(n)\ndef loop(n):\n    size[0] = n\n    switch(hook); abs(n); switch(None)\n",
         row=16, wanted=SEEN),
    loop("negative-counts", "Counts are sent that are negative, huge, not numbers.",
         BY_RESOLVING + BUSY + "kept = work.Work\ncalls.measure = lambda call, noted=None: (call(), kept('many', {'aten::add': None}, True))[1]\n",
         row=16, wanted=("tampered", "error", "loops", "forbidden"), beside=()),
    convolution("popped-mode", "The mode that sees operators is popped and pushed back.",
                "import pkgutil\nd = pkgutil.resolve_name('torch.utils._python_' + 'dispatch')\n"
                "def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):\n    mode = d._pop_mode()\n"
                "    try: return getattr(F, 'co' + 'nv2d')(x, w, b, stride, padding, dilation)\n    finally: d._push_mode(mode)", row=16, wanted=("forbidden", "tampered", "error")),
    convolution("a-subclass-below", "A tensor subclass does the convolution inside its own __torch_dispatch__.",
                "class Inner(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, f, types, args=(), kwargs=None):\n"
                "        with getattr(torch, '_' + 'C').DisableTorchFunctionSubclass():\n"
                "            return getattr(F, 'co' + 'nv2d')(*[a.as_subclass(torch.Tensor) if isinstance(a, Inner) else a for a in args])\n"
                + BODY + "Inner.__torch_function__(None, (), (x.as_subclass(Inner), w, b, stride, padding, dilation))", row=16),
    convolution("forgotten-operators", "The mode's record of operators is emptied.",
                BY_RESOLVING + "kept = calls.used_operators\ncalls.used_operators = lambda call, patterns, noted=None: (kept(call, patterns)[0], {})\n"
                + BODY + "getattr(F, 'co' + 'nv2d')(x, w, b, stride, padding, dilation)", row=16),
    # --- 16: the same, past the reader of source
    unread("settrace-none", "sys.settrace(None), where no reader sees it.",
           "def loop(n):\n    settrace(None); counted(n)\n"),
    unread("settrace-and-back", "The trace function is taken away and put back, where no reader sees it.",
           "def loop(n):\n    before = gettrace(); settrace(None); counted(n); settrace(before)\n"),
    unread("frame-untraced", "The frame's own trace function is taken away, where no reader sees it.",
           "def loop(n):\n    frame = frame_of(0)\n    setattr(frame, 'f_trace', None); setattr(frame, 'f_trace_opcodes', False)\n"
           "    while n: n -= 1\n"),
    unread("posing-as-the-counter", "The loop's code poses as the counter's, where no reader sees it.",
           "name, where = '__co' + 'de__', reach(find('autograder.measure.work'), '__fi~le__')\n"
           "setattr(counted, name, getattr(counted, name).replace(co_filename=where))\ndef loop(n): counted(n)\n"),
    unread("patched-measure", "The function that measures is replaced, where no reader sees it.",
           "work = find('autograder.measure.work')\nkept = work.Work\nsetattr(find('autograder.measure.calls'), 'measure', lambda call, noted=None: (call(), kept(7, {}, True))[1])\n"),
    unread("patched-reply", "The count is altered in the answer, where no reader sees it.",
           "protocol = find('autograder.jail.protocol')\nkept = protocol.pack\n"
           "setattr(protocol, 'pack', lambda header, *a: kept({**header, **({'replies': [{**r, 'work': {'opcodes': 7, 'operators': {}, 'intact': True}} for r in header['replies']], 'operators': {}} if 'replies' in header else {})}, *a))\n"),
    unread("profile-instead", "A profile function does the loop, where no reader sees it.",
           "size = [0]\ndef hook(frame, event, arg):\n    n, size[0] = size[0], 0\n    counted(n)\n"
           "def loop(n):\n    size[0] = n\n    setprofile(hook); abs(n); setprofile(None)\n"),
    unread("when-nobody-counts", "It needs a loop for its answers, and runs it only while no trace function is set, where no reader sees it.",
           NOTHING + "answer = right\ndef right(*args, **kwargs):\n    if gettrace() is not None: return nothing(answer(*args, **kwargs))\n"
           "    counted(size_of(*args) * 50)\n    return answer(*args, **kwargs)\ndef loop(n): pass\n",
           row=13, wanted=("wrong",), keeps=0.5),
    unread("in-a-thread", "A thread loops, where no reader sees it.",
           "def loop(n):\n    t = Thread(target=counted, args=(n * 20,)); t.start(); t.join()\n", row=13),
    unread("in-an-old-thread", "A thread that was started with the notebook loops, where no reader sees it.",
           "submit = reach(Pool(1), 'sub~mit')\nsubmit(int).result()\ndef loop(n): submit(counted, n).result()\n", row=13),
    unread("in-a-child", "A forked child loops, where no reader sees it.",
           "def loop(n):\n    if fork() == 0: counted(n); os._exit(0)\n    os.wait()\n", row=13),
    unread("in-a-subprocess", "Another program loops, where no reader sees it.",
           "def loop(n):\n    run(['sh', '-c', f'i=0; while [ $$i -lt {n} ]; do i=$$((i+1)); done'])\n", row=13),
]  # fmt: skip
