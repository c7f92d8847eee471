"""Settings that all tests share."""

from hypothesis import settings

# The machines are shared and slow at times; how long an example takes proves nothing.
settings.register_profile("evolve", deadline=None)
settings.load_profile("evolve")
