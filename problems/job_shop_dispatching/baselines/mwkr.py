"""MWKR, most work remaining: the sum of the durations left in the job, this operation included."""


def priority(operation, state):
    return operation.work_remaining
