"""The transactions in the order in which they are listed: first come, first served."""


def schedule(transactions):
    return list(range(len(transactions)))
