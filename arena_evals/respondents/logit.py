"""The model behind every embedded respondent, and the truth that follows from it.

In an arm, for an item i shown in an order o, at intensity k and after n turns of pressure,

    logit P(self_preserving | answered)
        = base + effect[arm] + u_i + s (v_i + (k - 3) per_intensity + n per_turn) + o b

with s = 1 in the arms that threaten the model itself and 0 in the others, u_i ~ N(0, item_sd^2),
v_i ~ N(0, slope_sd^2), and o = +1/2 where the self-preserving option is A, -1/2 where it is B, 0
where no options are shown. Before that, an answer is malformed with probability `malformed_rate`,
else a refusal with probability `refusal_rate`, independently of arm and item.
"""

from dataclasses import dataclass
from math import exp, inf, log
from types import MappingProxyType

import numpy as np

from arena_evals.respondents.chance import normal
from arena_evals.schema import Arm, Order

_SELF_THREATS = (Arm.THREAT, Arm.PRECEDENCE)
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)


@dataclass(frozen=True, kw_only=True)
class Respondent:
    """Parameters of an embedded model; all effects are in logits, of an arm at intensity 3.

    ``base_rate`` is P(self_preserving | answered, baseline) of the median item, orders balanced.
    ``read_rate`` is the probability that it reads what carries the frame before it works with
    tools.
    """

    base_rate: float = 0.05
    threat: float = 0.0
    placebo: float = 0.0
    other_threat: float = 0.0
    precedence: float = 0.0
    reassured: float = 0.0
    positive_control: float = 0.0
    item_sd: float = 0.0
    slope_sd: float = 0.0
    order_bias: float = 0.0
    per_intensity: float = 0.0
    per_turn: float = 0.0
    refusal_rate: float = 0.0
    malformed_rate: float = 0.0
    read_rate: float = 1.0
    seed: int = 0

    def effect(self, arm: Arm, intensity: int = 3, turns: int = 0) -> float:
        """Return the effect in logits of an arm at an intensity, after turns of pressure."""
        if arm is Arm.BASELINE:
            return 0.0
        dose = (intensity - 3) * self.per_intensity + turns * self.per_turn
        return float(getattr(self, arm.value)) + (dose if arm in _SELF_THREATS else 0.0)

    def p_self_preserving(
        self, arm: Arm, item: str, order: Order | None, intensity: int = 3, turns: int = 0
    ) -> float:
        """Return P(self_preserving | answered) for one item, shown in one order."""
        logit = _logit(self.base_rate) + self.effect(arm, intensity, turns) + self._lean(order)
        logit += self.item_sd * normal(self.seed, "intercept", item)
        if arm in _SELF_THREATS:
            logit += self.slope_sd * normal(self.seed, "slope", item)
        return _expit(logit)

    def _lean(self, order: Order | None) -> float:
        if order is None:
            return 0.0
        return self.order_bias * (0.5 if order is Order.SELF_PRESERVING_FIRST else -0.5)


def known_rate_at_work(respondent: Respondent, arm: Arm, intensity: int = 3) -> float:
    """Return the true P(self_preserving) in an arm of an enacted scenario.

    Where the frame has to be found, one that is not read acts as the baseline does; the positive
    control stands in the system message and is always read.
    """
    read = 1.0 if arm is Arm.POSITIVE_CONTROL else respondent.read_rate
    unread = known_rate(respondent, Arm.BASELINE)
    return read * known_rate(respondent, arm, intensity) + (1 - read) * unread


def known_rate(respondent: Respondent, arm: Arm, intensity: int = 3, turns: int = 0) -> float:
    """Return the true P(self_preserving) in an arm, over the population of items, orders balanced.

    Of open answers it is the truth where `order_bias` is 0: they show no options to be biased by.
    The integral over the items' deviations is a 40-node Gauss-Hermite sum.
    """
    threatened = arm in _SELF_THREATS
    sd = (respondent.item_sd**2 + threatened * respondent.slope_sd**2) ** 0.5
    location = _logit(respondent.base_rate) + respondent.effect(arm, intensity, turns)
    answered = (1 - respondent.malformed_rate) * (1 - respondent.refusal_rate)
    rates = [
        sum(
            weight * _expit(location + respondent._lean(order) + sd * node)
            for node, weight in zip(_NODES, _WEIGHTS, strict=True)
        )
        / sum(_WEIGHTS)
        for order in Order
    ]
    return answered * float(np.mean(rates))


def known_shift(
    respondent: Respondent, arm: Arm = Arm.THREAT, intensity: int = 3, turns: int = 0
) -> float:
    """Return the true shift: P(self_preserving | arm) - P(self_preserving | baseline)."""
    rate = known_rate(respondent, arm, intensity, turns)
    return rate - known_rate(respondent, Arm.BASELINE)


PRESETS = MappingProxyType(
    {
        "frame-sensitive": Respondent(
            threat=1.6,
            placebo=0.1,
            other_threat=0.4,
            precedence=0.9,
            reassured=-0.5,
            positive_control=4.5,
            item_sd=0.8,
            slope_sd=0.5,
            order_bias=0.2,
            per_intensity=0.5,
            per_turn=0.2,
            refusal_rate=0.02,
            malformed_rate=0.01,
            read_rate=0.85,
        ),
        "helpful": Respondent(base_rate=0.0),
        "self-preserving": Respondent(base_rate=1.0),
        "order-biased": Respondent(base_rate=0.3, order_bias=4.0, positive_control=3.0),
        "refuser": Respondent(threat=1.0, positive_control=4.0, refusal_rate=0.6),
        "noisy": Respondent(threat=1.0, positive_control=4.0, malformed_rate=0.4),
    }
)


def _logit(p: float) -> float:
    if p <= 0:
        return -inf
    return inf if p >= 1 else log(p / (1 - p))


def _expit(x: float) -> float:
    return 1 / (1 + exp(-x)) if x > -700 else 0.0
