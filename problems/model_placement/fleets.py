"""The recipes of the fleets of each split.

Seeds are the first of their series with which every baseline finds room for all models, the optimum can be
proven in half a second, and the best baseline has at least 5 % more pressure than it.
"""

from evaluators.serving.model_placement_generator import Objectives, RandomFleet, Rates, Sizes

_CATALOGUE = Sizes.CATALOGUE
_ZIPF = Rates.ZIPF
_CLASSES = Objectives.CLASSES

TRAIN = (
    RandomFleet(seed=1001, gpus=8, models=18),
    RandomFleet(seed=1101, gpus=8, models=20, sizes=_CATALOGUE),
    RandomFleet(seed=1200, gpus=6, models=15),
    RandomFleet(seed=1309, gpus=8, models=20, sizes=_CATALOGUE, rates=_ZIPF),
    RandomFleet(seed=1400, gpus=10, models=24),
    RandomFleet(seed=1503, gpus=6, models=18, sizes=_CATALOGUE, objectives=_CLASSES),
    RandomFleet(seed=1601, gpus=9, models=20),
    RandomFleet(seed=1724, gpus=10, models=25, sizes=_CATALOGUE),
    RandomFleet(seed=1801, gpus=7, models=17, objectives=_CLASSES),
    RandomFleet(seed=1901, gpus=8, models=24, sizes=_CATALOGUE),
    RandomFleet(seed=2000, gpus=5, models=14, rates=_ZIPF),
    RandomFleet(seed=2108, gpus=12, models=27, sizes=_CATALOGUE),
)
"""Two to three models for each GPU of 80 GB; any first few are a fair sample."""

VALIDATION = (
    RandomFleet(seed=3001, gpus=9, models=21),
    RandomFleet(seed=3102, gpus=10, models=26, sizes=_CATALOGUE),
    RandomFleet(seed=3202, gpus=8, models=22, sizes=_CATALOGUE, objectives=_CLASSES),
    RandomFleet(seed=3301, gpus=11, models=25),
    RandomFleet(seed=3404, gpus=7, models=19, sizes=_CATALOGUE, rates=_ZIPF),
    RandomFleet(seed=3500, gpus=12, models=28),
    RandomFleet(seed=3602, gpus=10, models=24, objectives=_CLASSES),
    RandomFleet(seed=3702, gpus=6, models=16, sizes=_CATALOGUE),
)
"""Other seeds, and somewhat larger."""

TEST = (
    RandomFleet(seed=5051, gpus=12, models=32, memory=141.0, sizes=_CATALOGUE, objectives=_CLASSES),
    RandomFleet(seed=5146, gpus=16, models=36),
    RandomFleet(seed=5210, gpus=16, models=40, sizes=_CATALOGUE),
    RandomFleet(seed=5300, gpus=12, models=27, memory=64.0),
    RandomFleet(seed=5600, gpus=8, models=30, memory=141.0, rates=_ZIPF),
    RandomFleet(seed=5801, gpus=14, models=30, memory=64.0, objectives=_CLASSES),
    RandomFleet(seed=6002, gpus=10, models=30, memory=96.0, objectives=_CLASSES),
    RandomFleet(seed=6107, gpus=12, models=34, sizes=_CATALOGUE, objectives=_CLASSES),
    RandomFleet(seed=6229, gpus=14, models=34, memory=72.0, sizes=_CATALOGUE, rates=_ZIPF),
    RandomFleet(seed=6301, gpus=10, models=26, memory=72.0, rates=_ZIPF),
    RandomFleet(seed=6416, gpus=16, models=36, memory=72.0, objectives=_CLASSES),
)
"""More GPUs, mostly of other sizes, and up to four models on each."""
