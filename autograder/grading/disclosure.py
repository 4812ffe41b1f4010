"""Decides what of an error in a call may stand in a report, so that none carries a hidden input out.

A call holds hidden inputs, and whatever it raises may be made of them: the message, the error's type, its line. So
nothing of an error is copied. It is compared with what was known before any input was there, the submission's source
and fixed tables, and what is told is taken from those:

- the kind, where it is the name of a known error or stands in the source;
- the line, where that very line stands in the source;
- the message, where it is a string constant of the source; where it fits a template of the source's (an f-string, a
  string with fields) or one of Python's, NumPy's or PyTorch's, the template with an ellipsis for what was filled in,
  unless that is a name which stands in the source.

What remains is a choice among so many kinds, lines and templates, of the source's length at most: some ten bits for
each, as a test's verdict tells one or two, and never text or a number. A test of a suite sees the whole message.
"""

import ast
import builtins
import contextlib
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from string import Formatter

from autograder.course.syntax import UNREADABLE, read_cell, syntax_tree
from autograder.suite.errors import error_words

KNOWN_ERRORS = frozenset(
    {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)}
    | {"LinAlgError", "AxisError", "_ArrayMemoryError", "OutOfMemoryError", "UnsupportedOperation", "ProtocolError"}
)
# Names of types that stand in messages of the libraries.
KNOWN_NAMES = frozenset(
    {name for name, kind in vars(builtins).items() if isinstance(kind, type)}
    | {"Tensor", "NoneType", "ndarray", "module", "function", "method", "builtin_function_or_method", "Size", "dtype"}
    | {"torch", "numpy", "Parameter", "float32", "float64", "int64", "UFuncTypeError", "generator"}
)
GAP = "…"  # in a template: anything, and not told
NAME = "{}"  # in a template: anything, and told where it is a name that stands in the source
TEMPLATES = tuple(
    line
    for line in """
{} is not written yet
name '{}' is not defined
cannot access local variable '{}' where it is not associated with a value
cannot access free variable '{}' where it is not associated with a value in enclosing scope
'{}' object has no attribute '{}'
'{}' object has no attribute '{}'. Did you mean: …
module '{}' has no attribute '{}'
module '{}' has no attribute '{}'. Did you mean: …
type object '{}' has no attribute '{}'
No module named '{}'
cannot import name '{}' from …
'{}' object is not callable
'{}' object is not iterable
'{}' object is not subscriptable
'{}' object does not support item assignment
'{}' object cannot be interpreted as an integer
cannot unpack non-iterable {} object
object of type '{}' has no len()
unhashable type: '{}'
{}() got an unexpected keyword argument '{}'
{}() got multiple values for argument '{}'
{}() takes … positional arguments but … were given
{}() takes … positional argument but … were given
{}() takes from … positional arguments but … were given
{}() missing … required positional argument: '{}'
{}() missing … required positional arguments: …
{}() missing … required keyword-only argument…
{}() takes no arguments
{}(): argument '{}' must be … not …
{}(): argument '{}' (position …) must be … not …
{}() received an invalid combination of arguments - got …
unsupported operand type(s) for …: '{}' and '{}'
bad operand type for …: '{}'
'…' not supported between instances of '{}' and '{}'
can only concatenate … (not "{}") to …
can't multiply sequence by non-int of type '{}'
list indices must be integers or slices, not {}
tuple indices must be integers or slices, not {}
only integers, slices…
only integer tensors of a single element can be converted to an index
only one element tensors can be converted to Python scalars
a Tensor with … elements cannot be converted to Scalar
only length-1 arrays can be converted to Python scalars
only 0-dimensional arrays can be converted to Python scalars
list index out of range
tuple index out of range
index out of range in self
index … is out of bounds for dimension … with size …
index … is out of bounds for axis … with size …
Dimension out of range (expected to be in range of …)
too many indices for tensor of dimension …
too many indices for array: …
not enough values to unpack (expected …
too many values to unpack (expected …
division by zero
integer division or modulo by zero
float division by zero
cannot convert float NaN to integer
cannot convert float infinity to integer
could not convert string to float: …
invalid literal for int() with base …
maximum recursion depth exceeded…
The truth value of an array with more than one element is ambiguous…
Boolean value of Tensor with more than one value is ambiguous
Boolean value of Tensor with no values is ambiguous
mat1 and mat2 shapes cannot be multiplied (…)
mat1 and mat2 must have the same dtype, but got …
expected m1 and m2 to have the same dtype, but got: …
expected scalar type … but found …
size mismatch, got …
shapes … not aligned: …
operands could not be broadcast together with …
could not broadcast input array from shape …
cannot reshape array of size … into shape …
matmul: Input operand … has a mismatch in its core dimension …
shape '…' is invalid for input of size …
view size is not compatible with input tensor's size and stride …
The size of tensor a (…) must match the size of tensor b (…) at non-singleton dimension …
The expanded size of the tensor (…) must match the existing size (…
expand(…): the number of sizes provided (…
Sizes of tensors must match except in dimension …
Tensors must have same number of dimensions: got …
stack expects each tensor to be equal size, but got …
shape mismatch: …
The shape of the mask … does not match the shape of the indexed tensor …
einsum(): …
permute(sparse_coo): number of dimensions …
permute(dims): …
number of dims don't match in permute
unfold_backward…
maximum size for tensor at dimension … is … but size is …
Expected … to …
expected …
Calculated padded input size per channel: …
Padding length …
negative dimensions are not allowed
Trying to create tensor with negative dimension …
selected index k out of range
start (…) + length (…) exceeds dimension size (…
setStorage: …
numel: integer multiplication overflow
Input type (…) and bias type (…) should be the same
result type … can't be cast to the desired output type …
Index put requires the source and destination dtypes match, got …
index is out of bounds for dimension with size 0
tensors used as indices must be long, int, byte or bool tensors
a view of a leaf Variable that requires grad is being used in an in-place operation.
a leaf Variable that requires grad is being used in an in-place operation.
one of the variables needed for gradient computation has been modified by an inplace operation: …
element … of tensors does not require grad and does not have a grad_fn
unsupported operation: …
Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.
can't convert …
min(): Expected reduction dim to be specified for input.numel() == 0…
max(): Expected reduction dim to be specified for input.numel() == 0…
zero-size array to reduction operation …
[enforce fail at …
Unable to allocate …
the value is made of more than … parts
the value is nested more than … deep
the value holds an integer of more than … bits
the value holds a dict of more than … keys
the value is larger than may cross
""".splitlines()
    if line
)
WORD = re.compile(r"[^\W\d]\w*")
_PART = re.compile(f"({GAP}|{re.escape(NAME)})")


class Disclosure:
    """What of an error may be told of a submission whose cells have these ``sources``."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources = sources

    def told(self, kind: str, message: str, where: str) -> str:
        """The error in a sentence that holds nothing which was not known before the call."""
        kind = kind if kind in KNOWN_ERRORS or kind in self._words else "an exception"
        return error_words(kind, self._message(message), self._place(where))

    def _message(self, message: str) -> str:
        if message in self._texts:
            return message
        fitting = (filled for each in self._templates if (filled := _filled(each, message, self._words)))
        return next(fitting, "")

    def _place(self, where: str) -> str:
        found = re.fullmatch(r"line (\d{1,9}) of the cell(?:: (.*))?", where, re.DOTALL)
        if found is None or not 0 < (number := int(found[1])) <= self._longest_cell:
            return ""
        return f"line {number} of the cell" + (f": {found[2]}" if found[2] in self._lines else "")

    # What the source holds is found out at the first error; most submissions have none.

    @cached_property
    def _lines(self) -> set[str]:
        return {line.strip() for source in self._sources for line in source.splitlines()}

    @cached_property
    def _longest_cell(self) -> int:
        return max((len(source.splitlines()) for source in self._sources), default=0)

    @cached_property
    def _words(self) -> set[str]:
        return {word for source in self._sources for word in WORD.findall(source)}

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return [node for source in self._sources for node in _nodes(source)]

    @cached_property
    def _texts(self) -> set[str]:
        return {node.value for node in self._nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    @cached_property
    def _templates(self) -> list[list[str]]:
        """Templates in parts, texts and what stands between them in turn."""
        formatted = [_template(node) for node in self._nodes if isinstance(node, ast.JoinedStr)]
        found = {each for each in (*TEMPLATES, *formatted, *map(_fields, self._texts)) if WORD.search(each)}
        # The one that says most comes first.
        return [_PART.split(each) for each in sorted(found, key=lambda template: (-len(template), template))]


def _nodes(source: str) -> Iterator[ast.AST]:
    """The nodes of a cell's syntax tree, its magics left out; none when it is no Python."""
    with contextlib.suppress(*UNREADABLE):
        yield from ast.walk(read_cell(source, syntax_tree))


def _template(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)


def _fields(text: str) -> str:
    """The template that a string with fields of ``%`` or ``str.format`` is; nothing when it has none."""
    with contextlib.suppress(ValueError):  # a brace that is no field
        text = "".join(plain + (GAP if field is not None else "") for plain, field, _, _ in Formatter().parse(text))
    made = re.sub(r"%[-#0 +]*\d*(?:\.\d+)?[sdrfgeixX]", GAP, text)
    return made if GAP in made else ""


def _filled(template: Sequence[str], message: str, words: set[str]) -> str:
    """A template with those of its names that may be told; nothing when ``message`` does not fit it.

    Each part of the template is taken where it comes first, which finds a fit where there is one, in linear time.
    """
    told, *parts = template
    if not parts or not message.startswith(told):
        return ""
    at = len(told)
    while parts:
        gap, text, *parts = parts
        found = message.find(text, at) if parts else max(at, len(message) - len(text))
        if found < 0 or not message.startswith(text, found):
            return ""
        filling, at = message[at:found], found + len(text)
        told += (filling if gap == NAME and (filling in words or filling in KNOWN_NAMES) else GAP) + text
    return told
