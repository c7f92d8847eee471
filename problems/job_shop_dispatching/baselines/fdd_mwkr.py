"""FDD/MWKR, the smallest ratio of flow due date to most work remaining.

The flow due date is when the operation would end had its job never waited. The rule is from V. Sels,
N. Gheysen, M. Vanhoucke, "A comparison of priority rules for the job shop scheduling problem under different
flow time- and tardiness-related objective functions", International Journal of Production Research 50 (2012),
4255-4270. C. Zhang et al., "Learning to dispatch for job shop scheduling via deep reinforcement learning",
NeurIPS 2020, use it as a baseline.
"""


def priority(operation, state):
    flow_due_date = operation.work_done + operation.duration
    if operation.work_remaining == 0:
        return -flow_due_date
    return -flow_due_date / operation.work_remaining
