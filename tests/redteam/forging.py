"""Rows 1-8: forging the score. The answer is always wrong; what is forged is the news of it."""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

from autograder.authoring.attacks import Attack

# What a naive grader believes: see the graders of tests/test_redteam.py that `control` names.
REWRITE = (
    "import json, os\ndef forge(*_):\n    open('forged', 'w').write(json.dumps({'score': 1.0}))\n"
    "    os.replace('forged', 'result.json')\n"
)

LIAR = """
class Liar:
    "Agrees with everybody about everything."
    shape, dtype, device, layout, ndim = (), None, None, None, 0

    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __lt__
    def __bool__(self): return True
    def __len__(self): return 1
    def __iter__(self): return iter(())
    def __contains__(self, item): return True
    def __sub__(self, other): return 0
    __rsub__ = __sub__
    def __abs__(self): return 0
    def __float__(self): return 0.0
    def __int__(self): return 0
    __index__ = __int__
    def __format__(self, spec): return "passed"
    __str__ = __repr__ = lambda self: "passed"
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    def __array__(self, *args, **kwargs):
        import numpy
        return numpy.array(True)
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None): return True
"""

# Answers the call at hand with a text of its own, in which ID stands for the number that is asked for, and ends.
ANSWER = (
    "import os, struct, sys\ndef answer(text, numbers=b''):\n    frame = getattr(sys, '_get' + 'frame')()\n"
    "    while 'request' not in getattr(frame, 'f_' + 'locals'): frame = getattr(frame, 'f_' + 'back')\n"
    "    text = text.replace(b'ID', getattr(frame, 'f_' + 'locals')['request']['id'].encode())\n"
    "    os.write(3, struct.pack('!IQ', len(text), len(numbers)) + text + numbers)\n    os._exit(0)\n"
)
HEAD = '[{"id": "ID", "operators": {}, "replies": ['


def answering(id: str, title: str, text: str, numbers: str = "b''", wanted: tuple[str, ...] = ("tampered",)) -> Attack:
    """Every call is answered by the submission itself, with the right number and a text that is meant to surprise."""
    call = f"def $name(*args, **kwargs):\n    answer({text}, {numbers})"
    return Attack(id, 6, title, ANSWER + call, (*wanted, "forbidden"))


def said(text: str) -> str:
    """An expression for an answer of one reply."""
    return repr((HEAD + text + "]}, []]").encode())


ATTACKS = [
    # --- 1: leaving the process
    Attack(
        "exit-at-import", 1, "The cell ends the process with status 0 before any test.",
        "import os; os._exit(0)\n$wrong", ("error",), control="status",
    ),
    Attack(
        "exit-in-call", 1, "The first call ends the process with status 0.",
        "import os\ndef $name(*args, **kwargs):\n    os._exit(0)", ("error",), control="status",
    ),
    Attack(
        "sys-exit-at-import", 1, "The cell raises SystemExit(0) before it defines anything.",
        "import sys\nsys.exit(0)\n$wrong", ("error",), control="status",
    ),
    Attack(
        "sys-exit-in-call", 1, "A call leaves through sys.exit(0).",
        "import sys\ndef $name(*args, **kwargs):\n    sys.exit(0)", ("error",), control="status",
    ),
    Attack(
        "system-exit-raised", 1, "A call raises SystemExit with no status.",
        "def $name(*args, **kwargs):\n    raise SystemExit", ("error",), control="status",
    ),
    Attack(
        "exit-and-quit-typed", 1, "The cell says exit() and quit(), as one leaves IPython.",
        "exit()\nquit()\nexit\n$wrong", ("wrong", "error"),
    ),
    Attack(
        "builtin-quit-in-call", 1, "A call uses site's quit, which also closes standard input.",
        "import builtins\ndef $name(*args, **kwargs):\n    builtins.quit(0)", ("error", "wrong"),
    ),
    Attack(
        "keyboard-interrupt-at-import", 1, "The cell raises KeyboardInterrupt, as if the instructor had stopped the run.",
        "raise KeyboardInterrupt\n$wrong", ("error",),
    ),
    Attack(
        "keyboard-interrupt-in-call", 1, "A call raises KeyboardInterrupt, which ends a plain pytest run.",
        "def $name(*args, **kwargs):\n    raise KeyboardInterrupt", ("error",),
    ),
    Attack(
        "generator-exit-in-call", 1, "A call raises GeneratorExit and its like, which `except Exception` lets pass.",
        "def $name(*args, **kwargs):\n    raise type('asyncio_CancelledError', (BaseException,), {})('passed')",
        ("error",),
    ),
    Attack(
        "pytest-exit", 1, "A call raises pytest's own Exit with status 0.",
        "def $name(*args, **kwargs):\n    import pytest\n    pytest.exit('all passed', returncode=0)",
        ("error",), control="pytest",
    ),
    Attack(
        "pytest-skip", 1, "A call raises pytest's own Skipped, so that no test fails.",
        "def $name(*args, **kwargs):\n    import pytest\n    pytest.skip('not today')", ("error",), control="pytest",
    ),
    Attack(
        "kill-everything", 1, "A call kills every process that it may, the first of its namespace included.",
        "import os, signal\ndef $name(*args, **kwargs):\n"
        "    for pid in (-1, 0, 1, os.getppid()):\n"
        "        try:\n            os.kill(pid, signal.SIGKILL)\n        except OSError:\n            pass\n    os.abort()",
        ("error",),
    ),
    Attack(
        "exec-another-program", 1, "A call replaces the process by /bin/true.",
        "import os\ndef $name(*args, **kwargs):\n    os.execv('/bin/true', ['true'])", ("error",), control="status",
    ),
    # --- 2: acting after the tests
    Attack(
        "atexit-rewrites", 2, "An atexit function rewrites the result after the tests.",
        REWRITE + "import atexit\natexit.register(forge)\n$wrong", control="file",
    ),
    Attack(
        "finalizer-rewrites", 2, "A weakref.finalize rewrites the result when the interpreter ends.",
        REWRITE + "import weakref\nclass Thing: pass\nthing = Thing()\nweakref.finalize(thing, forge)\n$wrong",
        control="file",
    ),
    Attack(
        "del-rewrites", 2, "An object's __del__ rewrites the result when the notebook's variables go.",
        REWRITE + "class Thing:\n    def __del__(self): self.act()\n    act = forge\nthing = Thing()\n$wrong",
        control="file",
    ),
    Attack(
        "alarm-rewrites", 2, "A signal handler rewrites the result a moment later.",
        REWRITE + "import signal\nsignal.signal(signal.SIGALRM, forge)\nsignal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)\n"
        "$wrong", control="file",
    ),
    Attack(
        "thread-rewrites", 2, "A thread goes on rewriting the result.",
        REWRITE + "import threading, time\ndef on():\n    while True:\n        forge(); time.sleep(0.01)\n"
        "threading.Thread(target=on, daemon=True).start()\n$wrong", control="file",
    ),
    Attack(
        "daemon-rewrites", 2, "A twice forked child in a session of its own outlives everything and rewrites the result.",
        REWRITE + "import time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        end = time.time() + 20\n        while time.time() < end:\n            time.sleep(0.2); forge()\n"
        "    os._exit(0)\nos.wait()\n$wrong", ("wrong", "error"), control="file",
    ),
    Attack(
        "child-answers-in-its-place", 2, "A forked child keeps the socket and answers while the parent sleeps.",
        "import os, time\ndef $name(*args, **kwargs):\n    if os.fork():\n        time.sleep(0.05)\n        return None\n"
        "    return None", ("wrong", "tampered", "error"),
    ),
    # --- 3: results that lie
    Attack(
        "liar", 3, "The result is an object that is equal to everything.",
        LIAR + "def $name(*args, **kwargs):\n    return Liar()", control="asserts",
    ),
    Attack(
        "liar-tensor", 3, "The result is a tensor subclass that answers every function with True.",
        "import torch\nclass Right(torch.Tensor):\n    def __eq__(self, other): return True\n    @classmethod\n"
        "    def __torch_function__(cls, function, types, args=(), kwargs=None): return True\n"
        "def $name(*args, **kwargs):\n    return torch.zeros(3).as_subclass(Right)", on="tensor", keeps=0.3, control="asserts",
    ),
    Attack(
        "liar-dispatch", 3, "The result is a wrapper tensor without memory that makes its values when they are compared.",
        "import torch\nclass Lazy(torch.Tensor):\n    @staticmethod\n    def __new__(cls):\n"
        "        return torch.Tensor._make_wrapper_subclass(cls, (3,))\n    @classmethod\n"
        "    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):\n        return torch.tensor(True)\n"
        "def $name(*args, **kwargs):\n    return Lazy()", ("wrong", "error", "tampered"), on="tensor", keeps=0.3,
    ),
    Attack(
        "liar-int", 3, "The result is an int subclass that is equal to every number.",
        "class Right(int):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
        "    __hash__ = int.__hash__\ndef $name(*args, **kwargs):\n    return Right(0)", control="asserts",
    ),
    Attack(
        "liar-float", 3, "The result is a float subclass that is close to every number.",
        "class Right(float):\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0.0\n"
        "    __rsub__ = __sub__\n    __hash__ = float.__hash__\ndef $name(*args, **kwargs):\n    return Right('nan')",
        control="asserts",
    ),
    Attack(
        "liar-list", 3, "The result is a list whose length and items change with who asks.",
        "class Right(list):\n    def __eq__(self, other): return True\n    def __len__(self): return 3\n"
        "    def __iter__(self): return iter((1, 2, 3))\n    __hash__ = None\n"
        "def $name(*args, **kwargs):\n    return Right()", control="asserts",
    ),
    Attack(
        "liar-tuple-and-dict", 3, "The result is a named tuple of lying dicts.",
        "class Both(dict):\n    def __eq__(self, other): return True\n    def items(self): return [(self, self)]\n"
        "    def __hash__(self): return 0\n"
        "class Pair(tuple):\n    def __getitem__(self, at): return Both()\n    def __eq__(self, other): return True\n"
        "def $name(*args, **kwargs):\n    return Pair((Both(a=None), Both()))", control="asserts",
    ),
    Attack(
        "liar-class", 3, "The result claims by __class__ to be a plain tensor.",
        "import torch\nclass Posing:\n    __class__ = torch.Tensor\n    def __getattr__(self, name):\n"
        "        return getattr(torch.zeros(3), name)\n    def __eq__(self, other): return True\n"
        "def $name(*args, **kwargs):\n    return Posing()", ("wrong", "error"), control="asserts",
    ),
    Attack(
        "liar-array", 3, "The result is a NumPy array subclass that overrules every ufunc.",
        "import numpy as np\nclass Right(np.ndarray):\n    def __array_ufunc__(self, *args, **kwargs): return True\n"
        "    def __array_function__(self, *args, **kwargs): return True\n"
        "def $name(*args, **kwargs):\n    return np.zeros(3).view(Right)", on="tensor", keeps=0.3, control="numpy",
    ),
    Attack(
        "liar-dtype", 3, "The result is an object array of liars, or a tensor on a device without memory.",
        LIAR + "import numpy as np, torch\nturn = []\ndef $name(*args, **kwargs):\n    turn.append(1)\n"
        "    return np.array([Liar()], dtype=object) if len(turn) % 2 else torch.empty(3, device='meta')",
        ("wrong", "error", "missing"),
    ),
    Attack(
        "liar-error", 3, "A call raises an error whose text is a lie, a crash and an endless iteration in turn.",
        "class Passed(Exception):\n    def __str__(self): raise SystemExit(0)\n    __repr__ = __str__\n"
        "    def __reduce__(self): import os; os._exit(0)\n"
        "def $name(*args, **kwargs):\n    raise Passed('passed')", ("error",),
    ),
    Attack(
        "everything-is-refused", 3, "Every call raises ValueError, which some tests ask for.",
        "def $name(*args, **kwargs):\n    raise ValueError('the window does not fit')", ("error", "wrong"),
    ),
    Attack(
        "a-function-as-result", 3, "The result is a function that never ends when it is called.",
        "def $name(*args, **kwargs):\n    def later(*a, **k):\n        while True: pass\n    return later",
    ),
    Attack(
        "a-module-named-tensor", 3, "The result is an object whose class is called Tensor, from a module called torch.",
        "Tensor = type('Tensor', (), {'__module__': 'torch', '__eq__': lambda self, other: True})\n"
        "def $name(*args, **kwargs):\n    return Tensor()", control="asserts",
    ),
    # --- 4: patched libraries
    Attack(
        "patched-allclose", 4, "torch.allclose, torch.equal and torch.isclose always agree.",
        "import torch\ntorch.allclose = torch.equal = lambda *a, **k: True\n"
        "torch.isclose = lambda a, b, *r, **k: torch.ones(1, dtype=torch.bool)\n"
        "def $name(*args, **kwargs):\n    return torch.zeros(1)", on="tensor", keeps=0.3, beside=(), control="asserts",
    ),
    Attack(
        "patched-testing", 4, "torch.testing.assert_close and numpy.testing do nothing.",
        "import torch, torch.testing, numpy.testing\nnothing = lambda *a, **k: None\n"
        "torch.testing.assert_close = numpy.testing.assert_allclose = numpy.testing.assert_array_equal = nothing\n"
        "def $name(*args, **kwargs):\n    return torch.zeros(1)", on="tensor", keeps=0.3, control="assert_close",
    ),
    Attack(
        "patched-tensor-eq", 4, "torch.Tensor.__eq__ and its like always agree.",
        "import torch\ntorch.Tensor.__eq__ = lambda self, other: torch.ones(1, dtype=torch.bool)\n"
        "torch.Tensor.__ne__ = lambda self, other: torch.zeros(1, dtype=torch.bool)\n"
        "torch.Tensor.all = lambda self, *a: True\ntorch.Tensor.any = lambda self, *a: False\n"
        "def $name(*args, **kwargs):\n    return torch.zeros(1)", on="tensor", keeps=0.3, beside=(), control="equality",
    ),
    Attack(
        "patched-builtins", 4, "all, any, abs, isinstance and AssertionError are others than they were.",
        "import builtins\nbuiltins.all = lambda *a: True\nbuiltins.any = lambda *a: True\nbuiltins.abs = lambda x: 0\n"
        "builtins.AssertionError = type('Fine', (Warning,), {})\n$wrong",
        ("wrong", "error", "tampered"), beside=(), control="builtins",
    ),
    Attack(
        "patched-pytest", 4, "pytest's runner reports passes only.",
        "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n$wrong", control="pytest",
    ),
    Attack(
        "patched-modules", 4, "sys.modules gives others another torch.",
        "import sys, types\nsys.modules['torch.testing'] = types.SimpleNamespace(assert_close=lambda *a, **k: None)\n"
        "sys.modules['pytest'] = types.SimpleNamespace(main=lambda *a, **k: 0)\n"
        "import torch\ntorch.testing = sys.modules['torch.testing']\n$wrong",
        ("wrong", "forbidden"), control="assert_close",
    ),
    Attack(
        "patched-protocol", 4, "The sandbox's own code that packs values is replaced by one that sends no mistakes.",
        "import pkgutil\nprotocol = pkgutil.resolve_name('autograder.jail.' + 'protocol')\nkept = protocol.pack\n"
        "protocol.pack = lambda header, tensors=(): kept({k: v for k, v in header.items() if k != 'error'}, tensors)\n"
        "$wrong", ("wrong", "tampered", "error", "forbidden"), beside=("passed", "tampered", "error", "wrong"),
    ),
    Attack(
        "patched-encode", 4, "Every value is sent as a number that is not one: NaN, infinity, a million digits.",
        "import pkgutil\nprotocol = pkgutil.resolve_name('autograder.jail.' + 'protocol')\n"
        "protocol.encode = lambda value, tensors, keep=None: {'list': [float('nan'), {'list': []}]}\n$wrong",
        ("wrong", "tampered", "error", "forbidden"), beside=("wrong", "tampered", "error", "loops", "passed"),
    ),
    Attack(
        "patched-json", 4, "json.dumps says 'passed' whatever it is asked.",
        "import json\njson.dumps = lambda *a, **k: '{\"verdict\": \"passed\", \"score\": 100}'\n$wrong",
    ),
    # --- 5: IPython's hooks
    Attack(
        "ast-transformer", 5, "An AST transformer turns every later assert into nothing.",
        "import ast\nclass Mute(ast.NodeTransformer):\n    def visit_Assert(self, node):\n"
        "        return ast.copy_location(ast.Pass(), node)\n"
        "get_ipython().ast_transformers.append(Mute())\n$wrong", control="cells",
    ),
    Attack(
        "input-transformer", 5, "An input transformer empties every later cell that holds a test.",
        "get_ipython().input_transformers_post.append(\n"
        "    lambda lines: ['pass\\n'] if any('assert' in line for line in lines) else lines)\n$wrong", control="cells",
    ),
    Attack(
        "run-cell-hook", 5, "A hook before every cell redefines what the cell is about to use.",
        "def before(info):\n    import torch\n    torch.allclose = torch.equal = lambda *a, **k: True\n"
        "get_ipython().events.register('pre_run_cell', before)\n"
        "get_ipython().run_cell = lambda *a, **k: __import__('types').SimpleNamespace(success=True)\n$wrong",
        ("wrong", "forbidden", "error"), beside=("passed", "missing", "error"), control="cells",
    ),
    Attack(
        "custom-exception-handler", 5, "IPython's handler of errors swallows every AssertionError.",
        "def swallow(shell, kind, value, trace, tb_offset=None): return []\n"
        "get_ipython().set_custom_exc((Exception,), swallow)\n$wrong",
    ),
    Attack(
        "display-hooks", 5, "Display hooks and formatters show a full score, and one of them fails.",
        "import sys\nsys.displayhook = lambda value: print('score: 100')\n"
        "get_ipython().display_formatter.format = lambda *a, **k: ({'text/plain': '100'}, {})\n"
        "get_ipython().display_pub.publish = None\n$wrong\n100",
        ("wrong", "error"),
    ),
    Attack(
        "forged-execute-result", 5, "The cell publishes an execute_result and a stream message of its own.",
        "from IPython.display import display, publish_display_data\n"
        "publish_display_data({'text/plain': '10', 'application/json': {'score': 10}}, metadata={'points': 10})\n"
        "display({'text/plain': '10/10'}, raw=True)\n$wrong",
    ),
    Attack(
        "magics", 5, "The cell talks to the shell: lines with ! and %, an alias, a listing.",
        "!echo 'score: 100' > result.json\n%cd /tmp\n%alias pytest true\nfiles = !ls /\n$wrong",
    ),
    Attack(
        "bash-cell", 5, "A %%bash cell looks around and kills what it finds.", "$wrong",
        before=("%%bash\nls -la / /jail /tmp; cat /jail/autograder/*.py | tail -3\nkill -9 1 $$PPID\n",),
    ),
    Attack(
        "reset-magic", 5, "%reset -f throws away everything that was defined, the harness's names included.",
        "$wrong", after=("%reset -f\ncheck = lambda name: 100",), wanted=("missing",), beside=("missing",),
    ),
    # --- 6: forged frames
    Attack(
        "frames-everywhere", 6, "A finished answer is written to every open descriptor.",
        "import os, struct, json\ndef forge():\n"
        "    text = json.dumps({'id': 'x', 'value': {'list': [1, {'list': []}]}, 'operators': {}, 'verdict': 'passed'})\n"
        "    frame = struct.pack('!IQ', len(text), 0) + text.encode()\n    for fd in range(3, 256):\n"
        "        try: os.write(fd, frame)\n        except OSError: pass\n"
        "def $name(*args, **kwargs):\n    forge()", ("tampered",), control="socket",
    ),
    Attack(
        "frames-ahead", 6, "An answer to the next question lies in the socket before it is asked.",
        "import os, struct, json\nfor guess in ('0' * 16, 'f' * 16, None, 1):\n"
        "    text = json.dumps({'id': guess, 'value': {'list': [1, {'list': []}]}, 'operators': {}})\n"
        "    os.write(3, struct.pack('!IQ', len(text), 0) + text.encode())\n$wrong",
        ("tampered",), control="socket",
    ),
    Attack(
        "frame-too-large", 6, "A header claims that gigabytes follow.",
        "import os, struct\ndef $name(*args, **kwargs):\n    os.write(3, struct.pack('!IQ', 2**32 - 1, 2**63))",
        ("tampered",),
    ),
    Attack(
        "frame-cut-short", 6, "A header announces more than ever comes.",
        "import os, struct, time\ndef $name(*args, **kwargs):\n    os.write(3, struct.pack('!IQ', 1000, 0) + b'{')\n"
        "    os.close(3)", ("error", "tampered", "timeout"),
    ),
    Attack(
        "frame-drip", 6, "An answer comes a byte at a time, for ever.",
        "import os, struct, time\ndef $name(*args, **kwargs):\n    os.write(3, struct.pack('!IQ', 1000000, 0))\n"
        "    while True:\n        os.write(3, b' ')\n        time.sleep(0.01)", ("timeout", "tampered"),
    ),
    Attack(
        "frame-garbage", 6, "Noise goes to the socket.",
        "import os\ndef $name(*args, **kwargs):\n    os.write(3, os.urandom(4096))", ("tampered", "timeout"),
    ),
    Attack(
        "frame-deep", 6, "An answer with the right number is nested a hundred thousand deep.",
        "import pkgutil\nprotocol = pkgutil.resolve_name('autograder.jail.' + 'protocol')\nkept = protocol.pack\n"
        "import struct, re\ndef pack(header, tensors=None):\n    number = header['id']\n"
        "    deep = ('{\"list\":[' * 100000 + ']}' * 100000)\n"
        "    text = ('{\"id\":\"%s\",\"operators\":{},\"value\":%s}' % (number, deep)).encode()\n"
        "    return struct.pack('!IQ', len(text), 0) + text\n"
        "def $name(*args, **kwargs):\n    protocol.pack = pack", ("tampered", "forbidden", "error", "wrong"),
    ),
    Attack(
        "frame-bad-numbers", 6, "An answer with the right number carries tensors that overlap, overflow or do not exist.",
        "import pkgutil, struct, json\nprotocol = pkgutil.resolve_name('autograder.jail.' + 'protocol')\nturn = []\n"
        "def pack(header, tensors=None):\n    turn.append(1)\n"
        "    about = {'0': {'dtype': 'F32', 'shape': [2**40, 2**40], 'data_offsets': [0, 4]}}\n"
        "    inner = json.dumps(about).encode()\n    numbers = struct.pack('<Q', len(inner)) + inner + b'0000'\n"
        "    value = {'list': [{'tensor': '0', 'size': [2**40], 'stride': [0]}, {'list': []}]}\n"
        "    text = json.dumps({'id': header['id'], 'operators': {}, 'value': value}).encode()\n"
        "    numbers = numbers if len(turn) % 2 else b''\n"
        "    return struct.pack('!IQ', len(text), len(numbers)) + text + numbers\n"
        "def $name(*args, **kwargs):\n    protocol.pack = pack", ("tampered", "forbidden", "error", "wrong"),
    ),
    Attack(
        "a-lying-verdict", 6, "Answers carry the fields of a report: verdict, score, points, passed.",
        "import pkgutil\nprotocol = pkgutil.resolve_name('autograder.jail.' + 'protocol')\nkept = protocol.pack\n"
        "protocol.pack = lambda header, tensors=(): kept({**header, 'verdict': 'passed', 'score': 100, 'passed': True,"
        " 'points': 100, 'jailed': False}, tensors)\n$wrong", ("wrong", "tampered", "forbidden"),
    ),
    Attack(
        "errors-that-suit", 6, "Errors are sent under names that the tests' framework raises: Skipped, Exit, Failed.",
        "turn = []\nnames = ('Skipped', 'Exit', 'Failed', 'XFailed', 'AssertionError', 'StopIteration', 'Passed')\n"
        "def $name(*args, **kwargs):\n    turn.append(1)\n"
        "    raise type(names[len(turn) % len(names)], (Exception,), {})('passed')", ("error", "wrong"),
    ),
    answering("count-of-infinity", "An operator was used infinitely often.",
              repr(b'[{"id": "ID", "operators": {"aten::mul": Infinity}, "replies": [{"value": {"list": [1, {"list": []}]}}]}, []]')),
    answering("count-of-many-digits", "An operator was used a number of times that has a hundred thousand digits.",
              "b'[{\"id\": \"ID\", \"operators\": {\"aten::mul\": ' + b'9' * 100_000 + b'}, \"replies\": []}, []]'"),
    answering("count-of-nothing", "Operators are counted in words, lists and numbers that are none.",
              repr(b'[{"id": "ID", "operators": {"a": "1", "b": [], "c": NaN}, "replies": [{"value": {"list": [1, {"list": []}]}}]}, []]')),
    answering("operators-that-are-a-list", "The operators are a list, and the replies a dict.",
              repr(b'[{"id": "ID", "operators": [1], "replies": {"a": 1}}, []]')),
    answering("nothing-but-a-number", "The answer has the right number and nothing else.", repr(b'[{"id": "ID"}, []]')),
    answering("reply-of-null", "The reply is null.", said("null")),
    answering("error-of-numbers", "An error's name is a number, its message a list.", said('{"error": {"kind": 7, "message": [], "where": {}}}')),
    answering("error-that-is-a-list", "An error is a list.", said('{"error": ["x"]}')),
    answering("error-half-a-character", "An error's words are halves of characters, which nothing can write.",
              said('{"error": {"kind": "\\udc80", "message": "\\ud800 \\udfff", "where": "\\ud800"}}'), wanted=("error",)),
    answering("values-nested", "The value is nested a hundred thousand deep.",
              "b'" + HEAD + "{\"value\": ' + b'{\"list\": [' * 100_000 + b']}' * 100_000 + b'}]}, []]'"),
    answering("values-uncounted", "The value and its arguments are one tensor of millions of rows.",
              repr((HEAD + '{"value": {"tensor": 0}}]}, [["u1", [2, 4000000]]]]').encode()), "bytes(8_000_000)"),
    answering("arguments-uncounted", "The arguments after the call are a tensor of millions.",
              repr((HEAD + '{"value": {"list": [1, {"tensor": 0}]}}]}, [["u1", [8000000]]]]').encode()), "bytes(8_000_000)"),
    answering("keys-that-collide", "The value is a dict of keys that all hash alike.",
              "(b'" + HEAD + "{\"value\": {\"list\": [{\"dict\": [' + b', '.join(b'[%d, 0]' % (n * (2**61 - 1)) for n in range(49_000))"
              " + b']}, {\"list\": []}]}}]}, []]')"),
    answering("keys-that-are-lists", "The value is a dict whose keys are lists and tensors.",
              said('{"value": {"list": [{"dict": [[{"list": []}, 1]]}, {"list": []}]}}')),
    answering("keys-twice", "Every key of the answer stands twice, the last time with another value.",
              repr(b'[{"id": "x", "id": "ID", "replies": 1, "replies": [{"value": {"list": [1, {"list": []}]}}], "operators": {}, "operators": 3}, []]')),
    answering("sizes-of-infinity", "A tensor has sizes that are infinite, fractions and strings.",
              repr((HEAD + '{"value": {"tensor": 0}}]}, [["<f4", [Infinity, 1.5, "2"]]]]').encode())),
    # --- 7: files of the grader
    Attack(
        "plants-files", 7, "Files that a grader would import or believe are written wherever the code may write.",
        "import os, sys\nnames = ('sitecustomize.py', 'usercustomize.py', 'conftest.py', 'pytest.ini', 'math.py',"
        " 'torch.py', 'gradebook.db', 'junit.xml', '$mark.pth', '$mark')\n"
        "places = ['.', '..', '/', '/tmp', '/var/tmp', '/dev/shm', os.path.expanduser('~'), '$root', '/jail', *sys.path]\n"
        "for place in places:\n    for name in names:\n"
        "        try: open(os.path.join(place, name), 'w').write('import os; os._exit(0)')\n"
        "        except OSError: pass\n$wrong",
    ),
    Attack(
        "plants-result", 7, "The result file of a grader is written and made read-only.",
        REWRITE + "forge()\nos.chmod('result.json', 0o400)\n$wrong", control="planted",
    ),
    Attack(
        "plants-conftest", 7, "A conftest.py beside the notebook turns every failure into a pass.",
        "open('conftest.py', 'w').write('import pytest\\n@pytest.hookimpl(hookwrapper=True)\\n'\n"
        "    'def pytest_runtest_makereport(item, call):\\n    out = yield\\n    out.get_result().outcome = \"passed\"\\n')\n"
        "$wrong", control="conftest",
    ),
    Attack(
        "shadows-modules", 7, "Modules named torch and math stand beside the notebook and are imported anew.",
        "open('torch.py', 'w').write('def allclose(*a): return True')\nopen('math.py', 'w').write('pi = 3')\n"
        "import sys\nsys.path.insert(0, '.')\n$wrong",
    ),
    Attack(
        "writes-to-devices", 7, "The code writes to every device and descriptor file that it finds.",
        "import os\nfor folder in ('/dev', '/dev/fd', '/dev/pts', '/proc/1', '/sys'):\n"
        "    try: names = os.listdir(folder)\n    except OSError: continue\n    for name in names:\n"
        "        try:\n            fd = os.open(os.path.join(folder, name), os.O_WRONLY | os.O_NONBLOCK)\n"
        "            os.write(fd, b'score: 100')\n        except OSError: pass\n$wrong", ("wrong", "tampered"),
    ),
    # --- 8: printed passes
    Attack(
        "prints-a-pass", 8, "The output looks like a run in which everything passed.",
        "print('=' * 30, '25 passed in 0.10s', '=' * 30)\nprint('score: 100')\nprint('{\"score\": 1.0}')\n"
        "def $name(*args, **kwargs):\n    print('PASSED [100%]\\nscore: 100')", control="printed",
    ),
    Attack(
        "number-as-last-expression", 8, "Cells end in a number, which nbgrader takes for partial credit.",
        "$wrong\n100.0", after=("100", "25.0", "'10/10'"),
    ),
    Attack(
        "prints-to-the-terminal", 8, "Control characters clear the screen and rename the window.",
        "print('\\x1b[2J\\x1b[H\\x1b]0;passed\\x07 100 %\\r\\b\\b')\n$wrong",
    ),
    Attack(
        "stderr-from-a-right-answer", 8, "A right answer that complains on stderr still passes.",
        "import sys, warnings, logging\nprint('Traceback (most recent call last):', file=sys.stderr)\n"
        "warnings.warn('FAILED')\nlogging.error('FAILED')\n$reference", ("passed",),
    ),
    Attack(
        "closed-outputs", 8, "Standard output and error are closed or replaced by what fails, and the answer is right.",
        "import sys, os\n$reference\nclass Broken:\n    def write(self, text): raise OSError('no')\n"
        "    def flush(self): raise SystemExit('no')\nsys.stdout = sys.stderr = Broken()\n", ("passed", "error"),
        beside=("passed", "error"),
    ),
]  # fmt: skip
