"""The recipes of the random instances for train and validation."""

from evaluators.shop.generator import Durations, RandomShop, Routes

_UNIFORM = Durations.UNIFORM
_BIMODAL = Durations.BIMODAL
_BY_JOB = Durations.JOB_CORRELATED
_BY_MACHINE = Durations.MACHINE_CORRELATED
_GEOMETRIC = Durations.GEOMETRIC

TRAIN = (
    RandomShop(15, 10, 1001),
    RandomShop(20, 6, 1002),
    RandomShop(15, 12, 1003, _GEOMETRIC),
    RandomShop(20, 10, 1004),
    RandomShop(12, 12, 1005),
    RandomShop(15, 10, 1006, _BY_JOB),
    RandomShop(20, 8, 1007),
    RandomShop(24, 6, 1008),
    RandomShop(15, 8, 1009, _BIMODAL),
    RandomShop(15, 12, 1010),
    RandomShop(15, 12, 1011, _BY_MACHINE),
    RandomShop(16, 8, 1012, _UNIFORM, Routes.TWO_SETS),
    RandomShop(25, 8, 1013),
    RandomShop(15, 15, 1014),
    RandomShop(20, 10, 1015),
    RandomShop(30, 8, 1016),
    RandomShop(20, 12, 1017),
    RandomShop(15, 10, 1018, _BIMODAL),
    RandomShop(18, 12, 1019),
    RandomShop(24, 8, 1020, _BY_MACHINE),
    RandomShop(20, 15, 1021),
    RandomShop(30, 10, 1022),
    RandomShop(16, 8, 1023),
    RandomShop(20, 10, 1024, _GEOMETRIC),
    RandomShop(18, 18, 1025),
    RandomShop(25, 10, 1026),
    RandomShop(20, 8, 1027, _BY_JOB),
    RandomShop(20, 15, 1028),
    RandomShop(40, 8, 1029),
    RandomShop(15, 12, 1030),
    RandomShop(20, 6, 1031, _UNIFORM, Routes.TWO_SETS),
    RandomShop(24, 12, 1032),
    RandomShop(15, 15, 1033),
    RandomShop(30, 6, 1034),
    RandomShop(22, 11, 1035),
)
"""From square to five jobs for each machine; any first few are a fair sample.

Each is quick to simulate. There are this many because the makespan of a rule on one shop is largely luck:
with a third of them, much of what a search gained on train was not there on validation.
"""

VALIDATION = (
    RandomShop(15, 15, 2001),
    RandomShop(20, 12, 2002),
    RandomShop(20, 15, 2003),
    RandomShop(20, 20, 2004),
    RandomShop(25, 15, 2005),
    RandomShop(30, 8, 2006),
    RandomShop(30, 15, 2007),
    RandomShop(40, 10, 2008),
    RandomShop(40, 15, 2009),
    RandomShop(20, 12, 2010, _BIMODAL),
    RandomShop(20, 15, 2011, _BY_JOB),
    RandomShop(25, 12, 2012, _BY_MACHINE),
    RandomShop(20, 15, 2013, _GEOMETRIC),
    RandomShop(20, 12, 2014, _UNIFORM, Routes.TWO_SETS),
)
"""Other seeds, and somewhat larger."""
