"""The names that plain code is made of: modules, built-ins, attributes of objects, methods of classes.

`measure.plain` says what the lists are for. They hold what ordinary solutions use and nothing with which code could
reach the interpreter, other modules or work that no counter sees. A name that is missing here costs a student nothing
but a glance of the instructor's.
"""

import builtins
import datetime
import enum
import functools
import inspect
import random
import re
import sys

import numpy as np
import torch


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Modules whose public names plain code may use.
MODULES = _words("""
    torch torch.autograd torch.autograd.forward_ad torch.autograd.functional torch.cuda torch.fft torch.func
    torch.linalg torch.nn torch.nn.functional torch.nn.grad torch.nn.init torch.nn.parameter torch.nn.utils torch.optim
    torch.optim.lr_scheduler torch.random torch.sparse torch.special torch.testing torch.types torch.utils.data
    numpy numpy.fft numpy.lib.stride_tricks numpy.linalg numpy.ma numpy.polynomial numpy.random numpy.testing
    numpy.typing matplotlib.pyplot PIL.Image IPython.display
    __future__ abc bisect cmath collections collections.abc contextlib copy dataclasses datetime decimal enum fractions
    functools heapq itertools json logging math numbers operator pprint random re statistics string textwrap time
    typing typing_extensions warnings ipywidgets einops pandas autograder.check
""")
# Packages all of whose public names are plain, whatever module of theirs they stand in.
TREES = _words("matplotlib mpl_toolkits torchvision torch.distributions torch.nn.modules scipy tqdm pixelwise")
# Names of further modules.
NAMES = _words("""
    sys.stderr sys.stdout sys.version sys.version_info sys.maxsize sys.float_info sys.getsizeof sys.platform
""")
# Packages that only hold such modules: to import `torch.utils.data` binds `torch`, whose `utils` is then on the way.
PACKAGES = _words("IPython PIL autograder numpy.lib sys torch.utils")
# Public names of these modules that are none the less no part of plain code.
NOT_OF_MODULES = (
    "torch.compile", "torch.load", "torch.save", "torch.from_file", "torch.typename", "torch.set_default_device",
    "torch.autograd.Variable", "torch.autograd.detect_anomaly", "torch.autograd.set_detect_anomaly",
    "torch.autograd.variable", "torch.random.fork_rng",
    "numpy.load", "numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.memmap", "numpy.fromfile",
    "numpy.loadtxt", "numpy.savetxt", "numpy.genfromtxt", "numpy.testing.run*", "numpy.testing.measure",
    "operator.attrgetter", "operator.methodcaller", "operator.call", "typing.get_type_hints", "typing.ForwardRef",
    "typing_extensions.get_type_hints", "string.Formatter", "dataclasses.make_dataclass", "pandas.eval",
    "pandas.read_*", "scipy.LowLevelCallable", "scipy.io", "PIL.Image.open",
)  # fmt: skip
# What runs a function of C for each entry of an array: neither a step of the interpreter nor an operator of PyTorch's.
UNCOUNTED = (
    "numpy.vectorize", "numpy.frompyfunc", "numpy.apply_along_axis", "numpy.apply_over_axes", "numpy.fromiter",
    "numpy.nditer", "numpy.object_", "numpy.lib.*", "builtins.bytes", "builtins.bytearray", "builtins.memoryview",
    "*.flat", "*.tolist", "*.tobytes", "*.apply_", "*.map_",
)  # fmt: skip
COUNTED_OF_LIB = ("numpy.lib.stride_tricks.*",)

BUILTINS = _words("""
    abs all any ascii bin bool callable chr classmethod complex dict dir divmod enumerate filter float format
    frozenset hash help hex id input int isinstance issubclass iter len list map max min next object oct ord pow
    print property range repr reversed round set slice sorted staticmethod str sum super tuple zip
    NotImplemented Ellipsis __name__ __doc__ __debug__ True False None exit quit display
""") | {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}

_OF_TYPES = (
    torch.Tensor, torch.nn.Module, torch.nn.Parameter, torch.Size, torch.dtype, torch.device, torch.Generator,
    torch.finfo, torch.iinfo, torch.optim.Optimizer, torch.autograd.function.FunctionCtx, torch.autograd.Function,
    np.ndarray, np.generic, np.ufunc, np.dtype, np.finfo, np.iinfo, np.random.Generator, np.random.RandomState,
    str, int, float, complex, list, tuple, dict, set, frozenset, range, slice, BaseException, enum.Enum,
    datetime.datetime, datetime.timedelta, re.Pattern, re.Match, random.Random, functools.partial,
    torch.return_types.max, torch.return_types.svd, torch.return_types.qr, torch.return_types.linalg_eigh,
)  # fmt: skip
# Methods of these that reach beyond values: hooks, memory, files, and callbacks of C.
_NOT_OF_TYPES = _words("""
    apply_ flat map_ tolist tobytes tofile dump dumps ctypes getfield register_hook storage untyped_storage
    share_memory share_memory_ set_ as_subclass reinforce compile with_traceback __reduce__ grad_fn
    register_post_accumulate_grad_hook register_backward_hook register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_state_dict_pre_hook
    register_load_state_dict_pre_hook register_load_state_dict_post_hook register_state_dict_post_hook
""")
# Attributes that no list of types above has: fields of results, of figures, of functions, of warnings, of loaders.
_FURTHER = _words("""
    T mT H mH values indices eigenvalues eigenvectors Q R U S Vh L solution name value cache_clear cache_info
    weight bias in_features out_features in_channels out_channels kernel_size stride padding dilation groups
    args keywords func message saved_tensors needs_input_grad dataset batch_size add_axes add_gridspec add_patch
    add_subplot annotate autoscale ax axes axhline axvline bar barh clim cla clf close colorbar contour contourf
    errorbar fig figure fill_between flatten grid hist hist2d imshow invert_yaxis legend loglog margins
    matshow pcolormesh plot quiver rcParams savefig scatter semilogx semilogy set set_aspect set_axis_off
    set_clim set_cmap set_facecolor set_label set_title set_visible set_xlabel set_xlim set_xscale
    set_xticklabels set_xticks set_ylabel set_ylim set_yscale set_yticklabels set_yticks show spines step
    subplots_adjust suptitle text tick_params tight_layout title twinx vlines hlines xaxis yaxis xlabel xticks
    ylabel yticks write flush getLogger debug info warning error fromkeys from_iterable joinpath add update elapsed
""")
ATTRIBUTES = frozenset(
    {name for kind in _OF_TYPES for name in dir(kind) if not name.startswith("_")} | _FURTHER
) - _NOT_OF_TYPES | {"_replace", "_asdict", "_fields", "__name__", "__doc__"}
# Not even as the name of a field of one's own: what the interpreter's own objects call their ways into it.
NEVER = (
    _words("""
    ctypes mro apply_ map_ tolist tobytes grad_fn as_subclass
""")
    | sys.stdlib_module_names
    | {name for name in dir(inspect.currentframe()) if name.startswith("f_")}
    | {"tb_frame", "tb_next", "gi_frame", "gi_code", "cr_frame", "cr_code", "ag_frame", "ag_code", "gi_yieldfrom"}
) - _words("""
    array bisect copy cmd code calendar json math operator queue random re select signal statistics string time
    token trace types uuid numbers profile secrets symbol test this enum fractions
""")
# Methods between double underscores that a class of one's own may have: how it is made, called, shown and indexed.
METHODS = _words("""
    __init__ __post_init__ __call__ __repr__ __str__ __len__ __getitem__ __setitem__ __contains__ __iter__
    __next__ __enter__ __exit__ __add__ __sub__ __mul__ __truediv__ __matmul__ __neg__ __lt__ __le__
""")
# What a class of one's own may be made from, beside other such classes.
BASES = (
    "builtins.object", "builtins.*Error", "builtins.*Exception", "builtins.*Warning", "torch.nn.*",
    "torch.autograd.Function", "torch.utils.data.*", "torch.optim.*", "typing.*", "typing_extensions.*", "abc.ABC",
    "enum.*", "collections.abc.*",
)  # fmt: skip
# Attributes of an array or a module that a solution sets.
SETTABLE = _words("""
    requires_grad grad data shape weight bias training real imag writeable
""")
# Line and cell magics that run nothing but what the reader sees, or nothing at all.
LINE_MAGICS = _words("""
    autoreload config load_ext matplotlib precision pprint pinfo pinfo2 time timeit who whos
""")
CELL_MAGICS = _words("""
    capture html latex markdown svg time timeit
""")
