"""MOPNR, most operations remaining in the job."""


def priority(operation, state):
    return operation.operations_remaining
