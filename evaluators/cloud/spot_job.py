"""One job on a spot market, tick by tick: what a decision brings about."""

from evaluators.cloud.spot import HOUR, Job, Kind, Market


class JobRun:
    """The course of one job: in each tick `observe`, then `decide`, until that says that it is over.

    The rules are those of the ADRS leaderboard (problems cant_be_late and cant_be_late_multi), with three
    repairs, which change no published figure of a program that does not exploit them:

    - A spot instance that is taken away while time is short is replaced on demand in the same tick. The
      published rule asks for the instance that is gone and loses the tick, so that the job ends a tick late,
      at the same cost. With `loses_tick` this is done too, where nothing could be started in its place.
    - Moving a running spot instance to another region is a restart there. The published rule moves it for
      free, also while time is short, and lets jobs be late by hours in this way.
    - Every tick costs what it costs at that time in the region where it was run. The published rule bills
      all ticks at the first price of the region in which the job happens to end; `published_cost` does too.

    A running on-demand instance costs the same everywhere and stays where it is; `region` is then where the
    next instance is going to be started.
    """

    def __init__(self, job: Job, market: Market, loses_tick: bool = False) -> None:
        self.job = job
        self.done = 0
        """Work done, in seconds."""
        self.pending = 0
        """Overhead of the latest start that has not passed yet, in seconds."""
        self.last = Kind.IDLE
        """What ran in the tick before, also if it has been taken away since."""
        self.region = 0
        self.cost = 0.0
        """USD so far."""
        self.ticks = [0, 0, 0]
        """How many ticks each kind ran for."""
        self.restarts = 0
        self.preemptions = 0
        self.end: int | None = None
        """The tick at whose start the job was found complete."""
        self._market = market
        self._loses_tick = loses_tick
        self._available: list[list[bool]] = market.available.tolist()
        self._spot_prices: list[list[float]] = market.spot_prices.tolist()

    @property
    def remaining(self) -> int:
        """Work left, in seconds."""
        return self.job.duration - self.done

    @property
    def late(self) -> int:
        """How many seconds after the deadline the job ended."""
        return max(0, (self.end or 0) * self._market.gap - self.job.deadline)

    @property
    def published_cost(self) -> float:
        """What the published rule bills: every spot tick at the first price of the final region, in USD."""
        _, spot, on_demand = self.ticks
        price = self._spot_prices[self.region][0]
        return (spot * price + on_demand * self._market.on_demand_price) * self._market.gap / HOUR

    def observe(self, tick: int) -> Kind:
        """Credit the work of the tick before, and return what is running now: IDLE after a preemption."""
        if self.last is not Kind.IDLE:
            gap = self._market.gap
            self.done = min(self.done + max(gap - self.pending, 0), self.job.duration)
            self.pending = max(self.pending - gap, 0)
        if self.last is Kind.SPOT and not self._available[self.region][tick]:
            return Kind.IDLE
        return self.last

    def decide(self, tick: int, region: int, kind: Kind) -> bool:
        """Carry out a decision for a tick; whether the job goes on.

        A job that is complete is asked once more, in the tick in which that is found; what it starts then is
        billed.
        """
        remaining, running = self.remaining, self.last
        if running is Kind.SPOT and not self._available[self.region][tick]:
            running = Kind.IDLE
            self.preemptions += 1
        if remaining and self._short_of_time(tick):
            kind, region = self._guaranteed(tick, running, region)
        if kind is Kind.SPOT and not self._available[region][tick]:
            kind = Kind.IDLE
        moved = kind is Kind.SPOT and region != self.region
        if kind is not Kind.IDLE and (kind is not running or moved):
            self.pending = self.job.overhead
            self.restarts += 1
        self.last, self.region = kind, region
        self.ticks[kind] += 1
        if kind is not Kind.IDLE:
            spot = kind is Kind.SPOT
            price = self._spot_prices[region][tick] if spot else self._market.on_demand_price
            self.cost += price * self._market.gap / HOUR
        if remaining:
            return True
        self.end = tick
        return False

    def _short_of_time(self, tick: int) -> bool:
        """Whether an instance that is started on demand now would be just in time."""
        gap = self._market.gap
        return self.job.ticks_needed(self.remaining, gap) >= self.job.ticks_left(tick, gap)

    def _guaranteed(self, tick: int, running: Kind, region: int) -> tuple[Kind, int]:
        """What is done when time is short: a spot instance that works may go on, else on-demand it is."""
        if running is Kind.SPOT and not self.pending:
            return Kind.SPOT, self.region
        taken_away = self.last is Kind.SPOT and running is Kind.IDLE and not self.pending
        if self._loses_tick and taken_away and not self._available[region][tick]:
            return Kind.IDLE, region
        return Kind.ON_DEMAND, region
