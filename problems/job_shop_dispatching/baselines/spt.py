"""SPT, shortest processing time."""


def priority(operation, state):
    return -operation.duration
