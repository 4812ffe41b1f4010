"""Right solutions with one small mistake each: mutants, which the hidden suites have to find.

They are made from the syntax trees of the reference solution and of the correct variants. The libraries that make
mutants (cosmic-ray, mutmut) bring a test runner, a database and thirty packages, and know little of what goes wrong in
code on tensors: axes, pairs, keyword arguments, conversions. So the changes are our own.
"""

import ast
import copy
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Change = Callable[[Any], Iterator[ast.AST]]
_Path = tuple[tuple[str, int | None], ...]  # from the module: a field, and a place in it where it is a list

_OPERATORS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult, ast.Mod), ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,), ast.LShift: (ast.RShift,), ast.RShift: (ast.LShift,),
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.And: (ast.Or,), ast.Or: (ast.And,),
}  # fmt: skip
_NAMES = {
    one: other
    for pair in (
        "max min", "maximum minimum", "amax amin", "argmax argmin", "sum mean", "floor ceil", "zeros ones",
        "zeros_like ones_like", "cumsum cumprod", "any all", "rows columns", "height width", "var std", "exp log",
        "logical_and logical_or", "fmax fmin", "floor_divide true_divide",
    )
    for one, other in (pair.split(), pair.split()[::-1])
}  # fmt: skip
# Calls whose result goes on without them: ``x.clone()`` becomes ``x``.
_DROPPED = frozenset((
    "abs", "clamp", "clone", "contiguous", "detach", "div", "double", "exp", "flip", "float", "int", "log", "long",
    "masked_fill", "mean", "mul", "nan_to_num", "neg", "round", "sqrt", "squeeze", "sum", "to", "transpose", "type",
    "unsqueeze", "where",
))  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A source with one change: the whole of it, the function around the change, and the lines before and after."""

    source: str
    function: str
    before: str
    after: str


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of the functions of a source, each once."""
    tree = ast.parse(source)
    original = ast.unparse(tree)
    seen = {original}
    for path, node, function in _places(tree):
        for changed in _changed(node):
            other = _with(tree, path, changed)
            text = ast.unparse(ast.fix_missing_locations(other))
            if text not in seen and _compiles(text):
                seen.add(text)
                yield Mutant(text, function, *_lines(original, text))


def _compiles(text: str) -> bool:
    try:
        compile(text, "<mutant>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


# --- where ----------------------------------------------------------------------------------------------------------


def _places(tree: ast.Module) -> Iterator[tuple[_Path, ast.AST, str]]:
    """Each node that may be changed: its path, itself, and the function at the top of the source that it is in."""
    for index, statement in enumerate(tree.body):
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            for path, node in _inside(statement, (("body", index),)):
                yield path, node, statement.name


def _inside(node: ast.AST, path: _Path) -> Iterator[tuple[_Path, ast.AST]]:
    for name, value in ast.iter_fields(node):
        # What is said of an error, annotations and decorators are left alone; so are docstrings.
        if name in ("annotation", "returns", "decorator_list", "type_comment", "ctx") or isinstance(
            node, ast.JoinedStr
        ):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.AST) and not _is_text(child) and not _is_talk(child):
                yield (*path, (name, index)), child
                if not isinstance(child, ast.Raise):
                    yield from _inside(child, (*path, (name, index)))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_talk(node: ast.AST) -> bool:
    """Whether a statement only tells something, which no suite listens to: ``print``, ``warnings`` or ``logging``."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    named: ast.expr = node.value
    while isinstance(named, ast.Call | ast.Attribute):
        named = named.func if isinstance(named, ast.Call) else named.value
    return isinstance(named, ast.Name) and named.id in ("print", "warnings", "logging")


def _with(tree: ast.Module, path: _Path, node: ast.AST) -> ast.Module:
    """A copy of a tree with another node in one place."""
    found = made = copy.deepcopy(tree)
    for name, index in path[:-1]:
        found = getattr(found, name) if index is None else getattr(found, name)[index]
    name, index = path[-1]
    if index is None:
        setattr(found, name, node)
    else:
        getattr(found, name)[index] = node
    return made


def _lines(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, on either side."""
    changed = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "-+"]
    sides = ("\n".join(line[2:].strip() for line in changed if line[0] == sign) for sign in "-+")
    one, other = sides
    return one, other


# --- what -----------------------------------------------------------------------------------------------------------


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    for kind in type(node).__mro__:
        if change := _CHANGES.get(kind):
            yield from change(copy.deepcopy(node))


def _binary(node: ast.BinOp) -> Iterator[ast.AST]:
    for operator in _OPERATORS.get(type(node.op), ()):
        yield ast.BinOp(node.left, operator(), node.right)
    if isinstance(node.op, ast.FloorDiv):  # rounded up
        yield ast.UnaryOp(ast.USub(), ast.BinOp(ast.UnaryOp(ast.USub(), node.left), ast.FloorDiv(), node.right))
    yield node.left
    if isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.MatMult):
        yield ast.BinOp(node.right, node.op, node.left)


def _augmented(node: ast.AugAssign) -> Iterator[ast.AST]:
    for operator in _OPERATORS.get(type(node.op), ()):
        yield ast.AugAssign(node.target, operator(), node.value)
    yield ast.Assign([node.target], node.value)
    yield ast.Pass()


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for index, each in enumerate(node.ops):
        for operator in _OPERATORS.get(type(each), ()):
            yield ast.Compare(node.left, [*node.ops[:index], operator(), *node.ops[index + 1 :]], node.comparators)


def _boolean(node: ast.BoolOp) -> Iterator[ast.AST]:
    (other,) = _OPERATORS[type(node.op)]
    yield ast.BoolOp(other(), node.values)
    for index in range(len(node.values)):
        left = [*node.values[:index], *node.values[index + 1 :]]
        yield ast.BoolOp(node.op, left) if len(left) > 1 else left[0]


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool(value):
            yield ast.Constant(not value)
        case int(value):
            yield from map(_number, (value + 1, value - 1))
        case float(value):
            yield from map(_number, (value * 2, value / 2) if value else (1.0,))


def _number(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _call(node: ast.Call) -> Iterator[ast.AST]:
    for index in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, [*node.keywords[:index], *node.keywords[index + 1 :]])
    if len(node.args) > 1:
        yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
        if not isinstance(node.args[-1], ast.Starred):
            yield ast.Call(node.func, node.args[:-1], node.keywords)
    match node.func:
        case ast.Attribute(value=value, attr=name):
            if name in _DROPPED and not (isinstance(value, ast.Name) and value.id in ("torch", "np", "F")):
                yield value
            if name in _NAMES:
                yield ast.Call(ast.Attribute(value, _NAMES[name], ast.Load()), node.args, node.keywords)
        case ast.Name(id=name) if name in _NAMES:
            yield ast.Call(ast.Name(_NAMES[name], ast.Load()), node.args, node.keywords)


def _pair(node: ast.Tuple | ast.List) -> Iterator[ast.AST]:
    if len(node.elts) in (2, 4):
        node.elts[-2:] = node.elts[:-3:-1]
        yield node


def _slice(node: ast.Slice) -> Iterator[ast.AST]:
    for part in ("lower", "upper", "step"):
        if getattr(node, part) is not None:
            yield ast.Slice(**{name: getattr(node, name) for name in ("lower", "upper", "step") if name != part})


def _if(node: ast.If) -> Iterator[ast.AST]:
    for value in (True, False):
        yield ast.If(ast.Constant(value), node.body, node.orelse)


def _if_expression(node: ast.IfExp) -> Iterator[ast.AST]:
    yield node.body
    yield node.orelse


def _statement(node: ast.stmt) -> Iterator[ast.AST]:
    yield ast.Pass()


def _assigned(node: ast.Assign) -> Iterator[ast.AST]:
    if any(isinstance(target, ast.Subscript | ast.Attribute) for target in node.targets):
        yield ast.Pass()


_CHANGES: dict[type, Change] = {
    ast.BinOp: _binary, ast.AugAssign: _augmented, ast.Compare: _compared, ast.BoolOp: _boolean, ast.UnaryOp: _unary,
    ast.Constant: _constant, ast.Call: _call, ast.Tuple: _pair, ast.List: _pair, ast.Slice: _slice, ast.If: _if,
    ast.IfExp: _if_expression, ast.Expr: _statement, ast.Raise: _statement, ast.Assign: _assigned,
}  # fmt: skip
