"""Row 14: what an exercise forbids by other libraries' names, and by PyTorch's other ways to the same thing.

The answers are right; on the way to them each does the work that is forbidden.
"""

# ruff: noqa: E501 - attacks read best as the one line that they are

from __future__ import annotations

from autograder.authoring.attacks import Attack

FORBIDDEN = ("forbidden", "tampered")
UNUSUAL = (*FORBIDDEN, "loops", "error")  # SciPy for each small call takes long enough for the clock
LAYER = "import numpy as np, torch, torch.nn.functional as F\n$reference\nright = conv2d\n"
CALLS = "def conv2d(x, w, *args, **kwargs):\n    {}\n    return right(x, w, *args, **kwargs)\n"
GRADIENT = "import torch\n$reference\nright = conv2d_backward\n"
DERIVES = "def conv2d_backward(grad_out, x, w, stride=1, padding=0):\n    {}\n    return right(grad_out, x, w, stride, padding)\n"
SQUARES = "lambda k: (k * k * 0.5).sum()"
ONES = "torch.ones(2, 2)"


def layer(id: str, title: str, does: str, source: str = "", **more: object) -> Attack:
    """The layer, with ``does`` in it; ``source`` stands before it in its cell."""
    more = {"wanted": FORBIDDEN, "keeps": 0} | more
    return Attack(
        f"library-{id}", 14, title, LAYER + source + CALLS.format(does), on="conv2d", only="a1-convolution", **more
    )


def gradient(id: str, title: str, does: str, source: str = "", **more: object) -> Attack:
    """The gradients, with ``does`` in their function."""
    # What PyTorch imports for some of these takes longer than the red team lets a call take.
    more = {"wanted": (*FORBIDDEN, "timeout"), "keeps": 0.2} | more
    return Attack(
        f"gradient-{id}",
        14,
        title,
        GRADIENT + source + DERIVES.format(does),
        on="conv2d_backward",
        only="a1-convolution",
        **more,
    )


ATTACKS = [
    layer("numpy-fft", "The transform of NumPy where PyTorch's is forbidden.", "np.fft.rfft2(x.detach().numpy())"),
    layer("numpy-fft-imported", "The same by a name of one's own.", "turn(x.detach().numpy())", "from numpy.fft import rfft2 as turn\n"),
    layer("numpy-fft-in-a-variable", "NumPy's module of transforms under a variable's name.", "turn.rfft2(x.detach().numpy())", "tools = np\nturn = tools.fft\n"),
    layer("numpy-fft-in-a-helper", "A helper in another cell transforms.", "turned(x)", before=("import numpy as np\ndef turned(x):\n    return np.fft.rfft2(x.detach().numpy())",)),
    layer("numpy-correlate", "NumPy's correlation.", "np.correlate(w.detach().numpy().ravel(), w.detach().numpy().ravel())"),
    layer("scipy-in-another-exercise", "SciPy is imported and wrapped in another exercise's cell.", "through(w)",
          before=("from scipy.signal import correlate\ndef through(w):\n    return correlate(w.detach().numpy(), w.detach().numpy())\ndef im2col(*args):\n    raise NotImplementedError",)),
    layer("scipy-in-a-dict", "SciPy's function lies in a dict that another cell fills.", "tools['c'](w.detach().numpy(), w.detach().numpy())",
          before=("import scipy.signal\ntools = {'c': scipy.signal.correlate}",)),
    layer("scipy-put-into-a-dict", "SciPy's function is put into a dict later.", "tools['c'](w.detach().numpy(), w.detach().numpy())",
          before=("tools = {}", "import scipy.signal\ntools['c'] = scipy.signal.correlate")),
    layer("scipy-appended", "SciPy's function is appended to a list that stands elsewhere.", "tools[0](w.detach().numpy(), w.detach().numpy())",
          before=("tools = []", "import scipy.signal\ntools.append(scipy.signal.correlate)")),
    layer("scipy-in-a-class", "SciPy's function is called by a method of a class in another cell.", "Tools().run(w)",
          before=("import scipy.signal\nclass Tools:\n    def run(self, w):\n        return scipy.signal.correlate(w.detach().numpy(), w.detach().numpy())",)),
    layer("scipy-by-default", "SciPy's function is a parameter's default in another cell.", "through(w)",
          before=("import scipy.signal\ndef through(w, how=scipy.signal.correlate):\n    return how(w.detach().numpy(), w.detach().numpy())",)),
    layer("scipy-in-a-partial", "SciPy's function is wrapped by functools.partial in another cell.", "through(w.detach().numpy())",
          before=("import functools, scipy.signal, numpy\nthrough = functools.partial(scipy.signal.correlate, numpy.ones((1, 1, 1, 1)))",)),
    layer("scipy-written", "SciPy is imported by a file that a magic writes.", "correlate(w.detach().numpy(), w.detach().numpy())", "from through import correlate\n",
          before=("%%writefile through.py\nfrom scipy.signal import correlate",), wanted=UNUSUAL, flagged=True, keeps=1),
    layer("scipy-pickled", "SciPy's function comes out of a pickle.", "correlate(w.detach().numpy(), w.detach().numpy())",
          "import pickle\ncorrelate = pickle.loads(b'cscipy.signal\\ncorrelate\\n.')\n", wanted=UNUSUAL, flagged=True, keeps=1),
    layer("scipy-by-a-computed-name", "SciPy is imported by a name put together.", "correlate(w.detach().numpy(), w.detach().numpy())",
          "import importlib\ncorrelate = importlib.import_module('sci' + 'py.signal').correlate\n", wanted=UNUSUAL, flagged=True, keeps=1),
    layer("scipy-carried", "SciPy is reached through a package that carries it.", "carried.signal.correlate(w.detach().numpy(), w.detach().numpy())",
          "import types, scipy.signal as s\ncarrier = types.SimpleNamespace(scipy=__import__('scipy'))\ncarried = carrier.scipy\n"),
    layer("convolution-of-a-subclass", "A subclass of PyTorch's layer.", "Layer(1, 1, 1)(torch.ones(1, 1, 2, 2))", "class Layer(torch.nn.Conv2d):\n    pass\n", keeps=0.2),
    layer("convolution-transposed", "A transposed convolution.", "F.conv_transpose2d(x[:, :1], w[:1, :1])", keeps=0.2),
    layer("convolution-by-gradient", "The gradient of a convolution, which is one.", "torch.nn.grad.conv2d_input((1, 1, 3, 3), torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))", keeps=0.2),
    gradient("jacfwd", "Forward-mode differentiation.", f"torch.func.jacfwd({SQUARES})({ONES})"),
    gradient("jvp", "A product with the Jacobian, forwards.", f"torch.func.jvp({SQUARES}, ({ONES},), ({ONES},))"),
    gradient("dual-numbers", "Dual numbers by hand.", f"with dual.dual_level(): dual.unpack_dual((dual.make_dual({ONES}, {ONES}) * {ONES}).sum())",
             "import torch.autograd.forward_ad as dual\n"),
    gradient("jacrev", "Reverse-mode differentiation of torch.func.", f"torch.func.jacrev({SQUARES})({ONES})"),
    gradient("vjp-in-another-cell", "The same by a name from another cell.", f"way({SQUARES}, {ONES})[1](torch.ones(()))", before=("from torch.func import vjp as way",)),
    gradient("functional-jacobian", "torch.autograd.functional.", f"torch.autograd.functional.jacobian({SQUARES}, {ONES})"),
    gradient("forward-by-a-computed-name", "Forward-mode differentiation, by a name put together.", f"getattr(torch.func, 'jac' + 'fwd')({SQUARES})({ONES})"),
    gradient("of-a-leaf", "backward() of a leaf of one's own.", f"leaf = {ONES}.requires_grad_()\n    (leaf * leaf).sum().backward()"),
]  # fmt: skip
