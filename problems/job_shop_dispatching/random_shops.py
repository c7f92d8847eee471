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
)
"""Small enough to be quick, from square to four jobs for each machine; any first few are a fair sample."""

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
