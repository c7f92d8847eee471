import ast
import textwrap

import pytest

from evolve.bundle import SourceFile, bundle
from evolve.operators.kinds import Kinds
from evolve.operators.scope import Kind, Scope, program_scopes, scopes_of, unbound_names
from tests.evolve.operators.programs import COMPOSITE, PACKING, PLAIN_BRIEF, RULE_BRIEF


def scopes(body: str) -> list[Scope]:
    return scopes_of(ast.parse(textwrap.dedent(body)))


def names_at_mark(body: str) -> tuple[str, ...]:
    """The names in scope at the statement `MARK` of a function `f(a)` with the given body."""
    source = f"import math\nLIMIT = 1\n\ndef f(a):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
    for scope in scopes_of(ast.parse(source)):
        for statement in scope.before:
            if isinstance(statement, ast.Expr) and ast.unparse(statement) == "MARK":
                return tuple(name for name in scope.names_before(statement) if name not in ("math", "f"))
    raise AssertionError("no MARK")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("MARK", "LIMIT a"),
        ("b = 1\nMARK\nc = 2", "LIMIT a b"),
        ("b, (c, *d) = e = a\nMARK", "LIMIT a b c d e"),
        ("b: int = 1\nc: int\nMARK", "LIMIT a b"),
        ("if a:\n    b = 1\nMARK", "LIMIT a"),
        ("if a:\n    b = 1\nelse:\n    b = 2\n    c = 3\nMARK", "LIMIT a b"),
        ("if a:\n    return 1\nelse:\n    b = 2\nMARK", "LIMIT a b"),
        ("if a:\n    b = 1\n    MARK", "LIMIT a b"),
        ("for i in a:\n    b = i\nMARK", "LIMIT a"),
        ("for i, j in a:\n    MARK\n    b = i", "LIMIT a i j"),
        ("while a:\n    b = 1\nMARK", "LIMIT a"),
        ("with a as b:\n    c = 1\nMARK", "LIMIT a b c"),
        ("try:\n    b = 1\nexcept E as e:\n    c = 1\nMARK", "LIMIT a"),
        ("try:\n    b = 1\nexcept E:\n    return\nMARK", "LIMIT a b"),
        ("try:\n    b = 1\nfinally:\n    c = 1\nMARK", "LIMIT a b c"),
        ("b = 1\ndel b\nMARK", "LIMIT a"),
        ("b = 1\ndef g(c, *d, e=1, **k):\n    MARK", "LIMIT a b c e d k"),
        ("LIMIT = 2\nMARK", "a LIMIT"),
        ("import os.path as p, sys\nMARK", "LIMIT a p sys"),
        ("match a:\n    case [b, *c]:\n        MARK", "LIMIT a b c"),
    ],
)
def test_names_that_are_certainly_bound(body: str, names: str) -> None:
    assert names_at_mark(body) == tuple(names.split())


def test_methods_are_scopes_too() -> None:
    found = scopes("class A:\n    def step(self, x):\n        return x\n")
    assert [getattr(scope.node, "name", "module") for scope in found] == ["module", "step"]
    assert list(found[1].before.values()) == [("self", "x")]


@pytest.mark.parametrize(
    ("body", "unbound"),
    [
        ("def f(a):\n    return a + b", {"b"}),
        ("b = 1\ndef f(a):\n    return a + b + len(a)", set()),
        ("def f(a):\n    if a:\n        b = 1\n    return b", {"b"}),
        ("def f(a):\n    b += a\n    return b", {"b"}),
        ("b = 1\ndef f(a):\n    c = b\n    b = a\n    return c", {"b"}),
        ("def f(a):\n    return [b for b in a] + (lambda c: c)(a)", set()),
        ("def f(a):\n    return g(a)\ndef g(b):\n    return b", set()),
        ("def f(a):\n    a[i] = 1\n    for i in a:\n        pass", {"i"}),
    ],
)
def test_unbound_names(body: str, unbound: set[str]) -> None:
    assert unbound_names(scopes(body)) == unbound


@pytest.mark.parametrize("source", [COMPOSITE, PACKING])
def test_sound_programs_read_no_unbound_name(source: str) -> None:
    assert not unbound_names(scopes_of(ast.parse(source)))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("x = 1", Kind.INTEGER),
        ("x = 1.0", Kind.REAL),
        ("x = True", Kind.BOOLEAN),
        ("x = 'a'", Kind.OPAQUE),
        ("x = [1]", Kind.OPAQUE),
        ("x = [1] * 3", Kind.OPAQUE),
        ("x = a", Kind.UNKNOWN),
        ("x = a * 2", Kind.UNKNOWN),
        ("x = a[0]", Kind.UNKNOWN),
        ("x = 4 / 2", Kind.REAL),
        ("x = 4 // 2", Kind.INTEGER),
        ("x = 4 // 2.0", Kind.REAL),
        ("x = -len(a)", Kind.INTEGER),
        ("x = math.sqrt(a)", Kind.REAL),
        ("x = math.floor(a)", Kind.INTEGER),
        ("x = max(1, 2.0)", Kind.REAL),
        ("x = max(a)", Kind.UNKNOWN),
        ("x = 1 if a else 2.0", Kind.REAL),
        ("x = 0\nfor i in range(3):\n    x += i", Kind.INTEGER),
        ("x = 0\nfor i in range(3):\n    x += i * 0.5", Kind.REAL),
        ("x = 0\nx = []", Kind.OPAQUE),
        ("x = a < 3", Kind.BOOLEAN),
        ("x = a < b", Kind.UNKNOWN),
        ("x = a.shape", Kind.OPAQUE),
        ("x, y = a.shape", Kind.INTEGER),
        ("x = a.shape[0]", Kind.INTEGER),
        ("x = np.argsort(a)", Kind.OPAQUE),
        ("x = n", Kind.INTEGER),
        ("x = ratio", Kind.REAL),
        ("x = given", Kind.REAL),
        ("x = times\nfor k in range(times):\n    pass", Kind.INTEGER),
        ("x = operation.duration", Kind.REAL),
        ("x = operation", Kind.OPAQUE),
    ],
)
def test_kinds_of_names(body: str, kind: Kind) -> None:
    indented = textwrap.indent(body, "    ")
    header = "def f(a, b, n: int, ratio: float, times, operation, given=0.5):\n"
    module, function = scopes_of(ast.parse(f"import math\n{header}{indented}\n"))
    assert Kinds(RULE_BRIEF).of_name("x", function) is kind
    assert Kinds(RULE_BRIEF).of_name("math", function) is Kind.OPAQUE
    assert module.node is not function.node


def test_names_that_have_to_stay_whole() -> None:
    body = "half = n // 2\nfree = n / 3\nfor k in range(half):\n    a[k + n] = free\nb = [0] * rest\nrest = n"
    (_, function) = scopes_of(ast.parse("def f(a, n):\n" + textwrap.indent(body, "    ")))
    kinds = Kinds(PLAIN_BRIEF)
    assert [name for name in ("half", "n", "k", "free") if kinds.needs_integer(name, function)] == [
        "half",
        "n",
        "k",
    ]
    assert [name for name in ("k", "n", "rest", "half", "free") if kinds.is_index(name, function)] == [
        "k",
        "n",
        "rest",
    ]


def test_a_file_sees_of_other_files_what_it_imports() -> None:
    first = "from rules import weight\n\n\ndef f(x):\n    return weight(x) + SCALE\n\n\nHERE = 1\n"
    source = bundle(
        [
            SourceFile("main.py", first),
            SourceFile("rules.py", "SCALE = 2.0\ndef weight(x):\n    return x * SCALE"),
            SourceFile("lib/empty.py", ""),
            SourceFile("lib/last.py", "OTHER = HERE"),
        ]
    )
    found = program_scopes(source)
    modules = [list(scope.values) for scope in found if isinstance(scope.node, ast.Module)]
    assert modules == [["weight", "f", "HERE"], ["SCALE", "weight"], [], ["OTHER"]]
    functions = [scope for scope in found if isinstance(scope.node, ast.FunctionDef)]
    assert [list(scope.outer_names) for scope in functions] == [["weight", "f", "HERE"], ["SCALE", "weight"]]
    assert unbound_names(found) == {"SCALE", "HERE"}


def test_a_program_of_one_file_has_the_scopes_of_its_module() -> None:
    source = "import math\n\n\ndef f(x):\n    return math.sqrt(x)\n"
    assert [list(scope.values) for scope in program_scopes(source)] == [["math", "f"], ["x"]]
