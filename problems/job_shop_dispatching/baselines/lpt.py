"""LPT, longest processing time."""


def priority(operation, state):
    return operation.duration
