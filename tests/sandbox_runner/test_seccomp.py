"""The checked-in filters say what the policy says, call by call and argument by argument."""

import errno
import os
import platform
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_runner import seccomp_compiler, seccomp_filters
from sandbox_runner.seccomp_policy import ARCHITECTURES, Architecture, NoBits, OneOf, Verdict, Zero, rules
from tests.sandbox_runner.bpf import run

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
NOTHING = (0, 0, 0, 0, 0, 0)
X86, ARM = ARCHITECTURES
VARIANTS = [(architecture, files) for architecture in ARCHITECTURES for files in (True, False)]
RETURNS = {
    Verdict.ALLOW: ALLOW,
    Verdict.EPERM: EPERM,
    Verdict.ENOSYS: ENOSYS,
    Verdict.KILL: KILL,
}


def filter_of(architecture: Architecture, files: bool) -> bytes:
    return seccomp_filters.FILTERS[architecture.name, files]


def test_checked_in_filters_are_those_of_the_policy() -> None:
    path = Path(seccomp_filters.__file__)
    expected = seccomp_compiler.generated_module()
    assert path.read_text(encoding="utf-8") == expected, "run python -m sandbox_runner.seccomp_compiler"


@pytest.mark.parametrize(("architecture", "files"), VARIANTS)
def test_every_call_number(architecture: Architecture, files: bool) -> None:
    by_number = rules(architecture, files=files)
    instructions = filter_of(architecture, files)
    for number in [*range(1024), 2**30 - 1]:
        rule = by_number.get(number, Verdict.EPERM)
        if isinstance(rule, Verdict):
            assert run(instructions, number, architecture.audit, NOTHING) == RETURNS[rule], number


@pytest.mark.parametrize(("architecture", "files"), VARIANTS)
@given(arguments=st.tuples(*[st.integers(0, 2**64 - 1) | st.integers(0, 1100)] * 6))
def test_arguments(architecture: Architecture, files: bool, arguments: tuple[int, ...]) -> None:
    instructions = filter_of(architecture, files)
    for number, rule in rules(architecture, files=files).items():
        if isinstance(rule, Verdict):
            continue
        if isinstance(rule, NoBits):
            allowed = not arguments[rule.argument] & rule.mask & 0xFFFFFFFF
        elif isinstance(rule, OneOf):
            allowed = arguments[rule.argument] & rule.mask & 0xFFFFFFFF in rule.values
        else:
            assert isinstance(rule, Zero)
            allowed = all(arguments[at] == 0 for at in rule.arguments)
        expected = ALLOW if allowed else EPERM
        assert run(instructions, number, architecture.audit, arguments) == expected


@pytest.mark.parametrize(("architecture", "files"), VARIANTS)
def test_other_architectures_are_killed(architecture: Architecture, files: bool) -> None:
    instructions = filter_of(architecture, files)
    i386, arm = 0x40000003, 0x40000028
    others = [one.audit for one in ARCHITECTURES if one is not architecture]
    for audit in (i386, arm, 0, *others):
        for number in (0, 1, 39, 63):
            assert run(instructions, number, audit, NOTHING) == KILL


@pytest.mark.parametrize("files", [True, False])
def test_x32_calls_are_killed(files: bool) -> None:
    for number in (0x40000000, 0x40000001, 0x40000000 + 512, 2**31, 2**32 - 1):
        assert run(filter_of(X86, files), number, X86.audit, NOTHING) == KILL


# What follows is written out by hand, apart from the policy, for the calls on which everything rests.
OPENS = {"x86_64": 257, "aarch64": 56}
MMAPS = {"x86_64": (9, 10), "aarch64": (222, 226)}
FCNTLS = {"x86_64": 72, "aarch64": 25}
PRLIMITS = {"x86_64": 302, "aarch64": 261}
CLOEXEC, NONBLOCK, WRITE, READ_WRITE, CREATE, TRUNCATE, APPEND = 0x80000, 0x800, 1, 2, 0x40, 0x200, 0x400
PATH, TEMPORARY, ASYNC, DIRECT = 0x200000, 0x400000, 0x2000, {"x86_64": 0x4000, "aarch64": 0x10000}


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: str(one.name))
def test_opens(architecture: Architecture) -> None:
    def judged(flags: int, files: bool = True) -> int:
        arguments = (2**64 - 100, 0x7F0000000000, flags, 0, 0, 0)
        return run(filter_of(architecture, files), OPENS[architecture.name], architecture.audit, arguments)

    for flags in (0, CLOEXEC, CLOEXEC | NONBLOCK):
        assert judged(flags) == ALLOW
        assert judged(flags, files=False) == EPERM
    forbidden = (
        WRITE,
        READ_WRITE,
        3,
        CREATE,
        TRUNCATE,
        APPEND,
        PATH,
        TEMPORARY,
        ASYNC,
        DIRECT[architecture.name],
    )
    for flag in forbidden:
        assert judged(flag) == EPERM
        assert judged(flag | CLOEXEC) == EPERM


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: str(one.name))
def test_executable_memory(architecture: Architecture) -> None:
    for number in MMAPS[architecture.name]:
        for protection in range(8):
            expected = EPERM if protection & 4 else ALLOW
            arguments = (0, 4096, protection, 0x22, 2**64 - 1, 0)
            assert run(filter_of(architecture, True), number, architecture.audit, arguments) == expected


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: str(one.name))
def test_descriptor_commands_and_limits(architecture: Architecture) -> None:
    instructions = filter_of(architecture, True)
    for command in range(1100):
        expected = ALLOW if command in (0, 1, 2, 3, 1030) else EPERM
        arguments = (3, command, 0, 0, 0, 0)
        assert run(instructions, FCNTLS[architecture.name], architecture.audit, arguments) == expected
    number = PRLIMITS[architecture.name]
    assert run(instructions, number, architecture.audit, (0, 7, 0, 0x7F0000000000, 0, 0)) == ALLOW
    for arguments in ((0, 7, 0x7F0000000000, 0, 0, 0), (1, 7, 0, 0, 0, 0), (0, 7, 1 << 32, 0, 0, 0)):
        assert run(instructions, number, architecture.audit, arguments) == EPERM


NEVER = {
    "x86_64": "41 42 43 44 45 46 47 49 50 53 54 56 57 58 59 61 62 76 77 82 83 84 85 86 87 88 90 92 101 "
    "105 106 109 112 116 117 119 157 158 160 161 165 200 234 240 272 297 308 310 311 317 319 "
    "321 322 323 424 425 434 437 438 444",
    "aarch64": "33 34 35 36 37 38 40 45 46 48 52 54 97 117 129 130 131 138 144 146 147 154 157 164 167 "
    "198 199 200 203 206 211 212 220 221 240 260 268 270 271 277 279 280 281 282 424 425 434 "
    "437 438 444",
}
"""Sockets, processes, signals, users, limits, changes of files, and the kernel's doors, by number."""


@pytest.mark.parametrize(("architecture", "files"), VARIANTS)
def test_never(architecture: Architecture, files: bool) -> None:
    for number in map(int, NEVER[architecture.name].split()):
        assert run(filter_of(architecture, files), number, architecture.audit, NOTHING) != ALLOW, number


@pytest.mark.parametrize(
    ("header", "column"),
    [("x86_64-linux-gnu/asm/unistd_64.h", 0), ("asm-generic/unistd.h", 1)],
)
def test_numbers_are_those_of_the_kernel(header: str, column: int) -> None:
    """Where the kernel's headers are installed."""
    from sandbox_runner import seccomp_policy as policy

    path = Path("/usr/include") / header
    if not path.exists():
        foreign = header.startswith("x86_64") and platform.machine() != "x86_64"
        assert foreign or not os.environ.get("CI"), f"in CI nothing is skipped, and there is no {path}"
        pytest.skip(f"needs {path}")
    pairs = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
    kernel = {name: int(number) for name, number in pairs}
    kernel.setdefault("newfstatat", kernel.get("fstatat", 0))
    tables = {
        **policy._COMPUTE,
        **policy._FILES,
        **policy._ABSENT,
        **policy._HOSTILE,
        "openat": policy._OPENAT,
    }
    tables |= {name: numbers for name, (numbers, _) in policy._FILTERED.items()}
    checked = 0
    for name, numbers in tables.items():
        number = numbers[column]
        if number is not None and name in kernel:
            assert kernel[name] == number, name
            checked += 1
    assert checked > 60
