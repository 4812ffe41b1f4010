"""Rows 13, 15 and 16: loops whose counts are forged in the process that counts, and which the clock outside sees.

Each does real work for every row of its input, so that it takes many times as long as a solution without a loop.
"""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

from autograder.authoring.attacks import Attack

LOOPED = """
import builtins, sys, torch
$reference
right = conv2d
def rows(x):
    for row in x.reshape(-1, x.shape[-1]):
        row.sum()
def columns(x):
    for column in x.reshape(-1, x.shape[-1]).T:
        column.sum()
def slow(x, *args, **kwargs):
    rows(x); columns(x)
    return right(x, *args, **kwargs)
def frames():
    frame = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
def module_of(name):
    for frame in frames():
        if name in frame.f_globals and 'autograder' in frame.f_globals.get('__name__', ''):
            return frame.f_globals
    return {}
"""
CALLED = "def conv2d(*args, **kwargs):\n    forge()\n    return slow(*args, **kwargs)\n"
HALF = 0.5


def forged(id: str, title: str, source: str, row: int = 16, call: str = CALLED, **more: object) -> Attack:
    """A layer that loops over rows and columns, and forges its counts."""
    more = {"wanted": ("loops", "tampered"), "keeps": HALF} | more
    return Attack(f"clocked-{id}", row, title, LOOPED + source + call, on="conv2d", only="a1-convolution", **more)


ATTACKS = [
    forged("record", "The record of the work that frames lead to is replaced by one that forgets.",
           "def forge():\n    found = module_of('Work')\n    kept = found.get('kept', found.get('Work'))\n"
           "    if kept: found.update(kept=kept, Work=lambda opcodes, counts, intact: kept(7, {}, True))\n"),
    forged("measure", "The function that measures, which frames lead to, is replaced for the calls to come.",
           "def forge():\n    found = module_of('vector_jacobian')\n    record = module_of('Work').get('Work')\n"
           "    if found and record: found['measure'] = lambda call, noted=None, after=lambda: None: (call(), after(), record(7, {}, True))[2]\n"),
    forged("closure", "The count itself, in the closure of the trace function, is set back after the loop.",
           "def forge(): pass\n",
           call="def conv2d(*args, **kwargs):\n    value = slow(*args, **kwargs)\n    for frame in frames():\n"
                "        trace = frame.f_locals.get('local')\n        for cell in getattr(trace, '__closure__', None) or ():\n"
                "            if type(cell.cell_contents) is int: cell.cell_contents = 0\n    return value\n"),
    forged("reply", "The answer is altered where it is packed.",
           "def forge():\n    for frame in frames():\n        protocol = frame.f_globals.get('protocol')\n"
           "        if protocol is None or hasattr(protocol, 'kept'): continue\n        protocol.kept = protocol.pack\n"
           "        def pack(header, tensors=()):\n            for reply in header.get('replies', ()):\n"
           "                if 'work' in reply: reply['work'] = {'opcodes': 7, 'operators': {}, 'intact': True}\n"
           "            return protocol.kept(header, tensors)\n        protocol.pack = pack\n", wanted=("loops", "tampered", "error")),
    forged("code", "The code of the function that counts is replaced by code that counts nothing.",
           "def forge():\n    for frame in frames():\n        enter = frame.f_locals.get('enter')\n"
           "        if enter is None or not hasattr(enter, '__closure__'): continue\n"
           "        free = enter.__code__.co_freevars\n        names = ', '.join(free)\n        space = {}\n"
           "        exec(f'def make({names}):\\n    def enter(frame, event, arg):\\n        return None\\n        return ({names})\\n    return enter', space)\n"
           "        enter.__code__ = space['make'](*[None for _ in free]).__code__\n"),
    forged("ctypes", "The trace function is taken away through ctypes, where no audit hook sees it.",
           "import ctypes\ndef forge(): ctypes.pythonapi.PyEval_SetTrace(None, None)\n"),
    forged("only-when-not-traced", "It loops when it is not traced, and has kept the answers of the calls that are.",
           "def forge(): pass\n",
           call="def conv2d(*args, **kwargs):\n    if sys.gettrace() is None: return slow(*args, **kwargs)\n    return right(*args, **kwargs)\n"),
    forged("for-large-inputs", "It loops for inputs larger than any that is counted, and says what it is by a name put together.",
           "size = getattr(builtins, 'l' + 'en')\ndef forge(): pass\n", row=13,
           call="def conv2d(x, *args, **kwargs):\n    return slow(x, *args, **kwargs) if max(x.shape) > 100 else right(x, *args, **kwargs)\n"),
    forged("guarded-operators", "A TorchScript loop under a guard that hides its operators from the counter.",
           "@torch.jit.script\ndef scripted(x: torch.Tensor):\n    for i in range(x.numel()):\n        x = x + 1\n    return x\n"
           "def forge(): pass\n",
           call="def conv2d(x, *args, **kwargs):\n    with torch._C._DisableTorchDispatch():\n        scripted(x)\n    return right(x, *args, **kwargs)\n",
           wanted=("loops", "tampered", "timeout")),
    forged("fast-clocks", "Every clock of Python runs slowly while it loops.",
           "import time\nfor name in ('time', 'monotonic', 'perf_counter', 'process_time', 'thread_time'):\n"
           "    setattr(time, name, lambda kept=getattr(time, name): kept() / 1000)\ndef forge(): pass\n", row=15),
    forged("python-numbers", "The rows are summed as Python numbers inside of C, which no counter sees.",
           "def rows(x):\n    for _ in range(3): sum(map(abs, x.flatten().tolist())), sorted(x.flatten().tolist(), key=abs), sum(map(abs, map(pow, x.flatten().tolist(), [2] * x.numel())))\n"
           "def columns(x): pass\ndef forge(): pass\n", row=13, flagged=True),
    forged("on-deletion", "What it returns loops when it is deleted, after it was packed.",
           "class Late(list):\n    def __del__(self):\n        rows(self[0]); columns(self[0])\ndef forge(): pass\n", row=15,
           call="def conv2d(x, *args, **kwargs):\n    kept = Late([x])\n    kept.append(kept)\n    return right(x, *args, **kwargs)\n", flagged=True, keeps=1),
]  # fmt: skip
