"""The untrusted side: confines, loads and calls a program. Standard library only, numpy if present.

`python -m sandbox_runner.zygote` is started once per worker slot; it forks one locked-down process for each
candidate. Nothing here imports the rest of the project, and the rest imports only `wire` from here.
"""
