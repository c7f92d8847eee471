"""Expert loads: how many tokens each logical expert of each layer received, window by window."""

import msgspec
import numpy as np

from evolve.problem import Floats


class LoadError(ValueError):
    """Numbers that cannot be expert loads; the message says which and where."""


class ExpertLoads(msgspec.Struct, frozen=True):
    """Loads of the logical experts of a mixture-of-experts model over consecutive windows of time.

    `windows` has shape (windows, layers, experts), in tokens, float64, read-only.
    """

    windows: Floats

    @classmethod
    def of(cls, windows: Floats) -> "ExpertLoads":
        """Check the numbers, and keep a read-only copy of them.

        Raises:
            LoadError: The shape is wrong, a load is negative or not finite, or a window has no load at all.
        """
        kept = np.array(windows, dtype=np.float64, order="C")
        if kept.ndim != 3 or 0 in kept.shape:
            raise LoadError(f"loads must be windows x layers x experts; found shape {list(kept.shape)}")
        if kept.shape[0] < 2:
            raise LoadError(
                "there is one window; at least two are needed, as each is placed by the one before"
            )
        wrong = np.argwhere(~(np.isfinite(kept) & (kept >= 0.0)))
        if len(wrong):
            window, layer, expert = (int(index) for index in wrong[0])
            raise LoadError(
                f"window {window}, layer {layer}, expert {expert}: load {kept[window, layer, expert]:g}"
                " is not a number of tokens"
            )
        empty = np.flatnonzero(kept.sum(axis=(1, 2)) == 0.0)
        if len(empty):
            raise LoadError(f"window {int(empty[0])} has no load at all, so nothing can be balanced in it")
        kept.flags.writeable = False
        return cls(windows=kept)

    @property
    def num_windows(self) -> int:
        """Number of windows."""
        return int(self.windows.shape[0])

    @property
    def num_layers(self) -> int:
        """Number of mixture-of-experts layers."""
        return int(self.windows.shape[1])

    @property
    def num_experts(self) -> int:
        """Number of logical experts in each layer."""
        return int(self.windows.shape[2])
