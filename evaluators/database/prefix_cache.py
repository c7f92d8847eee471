"""What a cache of prefixes saves when the rows of a table are sent to a language model.

The cache of an inference engine keeps what it computed for the beginning of every earlier request. A
request that begins with the same text as an earlier one is spared that part ("prefix hit"). Counted in
characters, and with room for everything, as in the published benchmark (ADRS leaderboard, llm_sql).
"""

from collections.abc import Sequence

import msgspec


class PrefixCounts(msgspec.Struct, frozen=True):
    """How many characters of some requests were found in the cache."""

    characters: int
    hits: int
    """Characters in the longest prefix shared with any earlier request, summed over requests."""
    adjacent_hits: int
    """The same where only the request before is kept: prefix hits of Liu et al. (MLSys 2025), not squared."""

    @property
    def hit_rate(self) -> float:
        """The prefix hit rate, 0 to 1."""
        return self.hits / self.characters

    @property
    def computed_share(self) -> float:
        """The share of characters that has to be computed; more than 0, since the first request is new."""
        return (self.characters - self.hits) / self.characters


def count_prefixes(requests: Sequence[str]) -> PrefixCounts:
    """Send requests in this order, of which at least one is not empty.

    The characters that miss are the nodes of the trie of all requests, whatever their order. In sorted
    order each request shares its longest prefix with the one before it, so no trie has to be built.
    """
    ranked = sorted(requests)
    return PrefixCounts(
        characters=sum(map(len, requests)),
        hits=sum(map(common_prefix, ranked, ranked[1:])),
        adjacent_hits=sum(map(common_prefix, requests, requests[1:])),
    )


def common_prefix(a: str, b: str) -> int:
    """Length of the longest common prefix of two texts."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    # Equal up to `low`, different somewhere before `high`.
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low
