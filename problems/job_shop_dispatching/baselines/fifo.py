"""FIFO, first in, first out: who came to the queue first; of operations that came together, the lower job."""


def priority(operation, state):
    return -operation.arrival
