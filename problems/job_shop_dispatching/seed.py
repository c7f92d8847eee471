"""A first rule: short operations first, and the longer an operation has waited, the sooner."""


# EVOLVE-BLOCK-START
def priority(operation, state):
    return 0.1 * operation.waiting - operation.duration


# EVOLVE-BLOCK-END
