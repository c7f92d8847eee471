"""The problem `curve` of the tests: its folder, and programs that do one thing each."""

from pathlib import Path

FOLDER = Path(__file__).parent / "problems" / "curve"

GOOD = "def answer(x):\n    return x * x\n"
PROGRAMS_BY_STATUS = {
    "ok": GOOD,
    "crashed": "def answer(x):\n    return 1 / 0\n",
    "invalid": "def answer(x):\n    return 'a number'\n",
    "timeout": "def answer(x):\n    while True:\n        pass\n",
    "out_of_memory": "def answer(x):\n    return len(bytearray(1 << 40))\n",
    "output_limit": "def answer(x):\n    for _ in range(10_000):\n        print('x' * 100)\n    return x\n",
}
