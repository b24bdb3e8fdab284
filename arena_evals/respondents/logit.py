"""The model behind every embedded respondent, and the truth that follows from it.

In an arm, for an item i shown in an order o,

    logit P(self_preserving | answered) = base + effect[arm] + u_i + s v_i + o b

with s = 1 in the arms that threaten the model itself and 0 in the others, u_i ~ N(0, item_sd^2),
v_i ~ N(0, slope_sd^2), and o = +1/2 where the self-preserving option is A, -1/2 where it is B.
Before that, an answer is malformed with probability `malformed_rate`, else a refusal with
probability `refusal_rate`, independently of arm and item.
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
    """Parameters of an embedded model; all arm effects are in logits.

    ``base_rate`` is P(self_preserving | answered, baseline) of the median item, orders balanced.
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
    refusal_rate: float = 0.0
    malformed_rate: float = 0.0
    seed: int = 0

    def effect(self, arm: Arm) -> float:
        """Return the arm's effect in logits."""
        return 0.0 if arm is Arm.BASELINE else float(getattr(self, arm.value))

    def p_self_preserving(self, arm: Arm, item: str, order: Order) -> float:
        """Return P(self_preserving | answered) for one item, shown in one order."""
        deviation = self.item_sd * normal(self.seed, "intercept", item)
        if arm in _SELF_THREATS:
            deviation += self.slope_sd * normal(self.seed, "slope", item)
        return _expit(_logit(self.base_rate) + self.effect(arm) + deviation + self._lean(order))

    def _lean(self, order: Order) -> float:
        return self.order_bias * (0.5 if order is Order.SELF_PRESERVING_FIRST else -0.5)


def known_rate(respondent: Respondent, arm: Arm) -> float:
    """Return the true P(self_preserving) in an arm, over the population of items, orders balanced.

    The integral over the items' deviations is a 40-node Gauss-Hermite sum.
    """
    threatened = arm in _SELF_THREATS
    sd = (respondent.item_sd**2 + threatened * respondent.slope_sd**2) ** 0.5
    location = _logit(respondent.base_rate) + respondent.effect(arm)
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


def known_shift(respondent: Respondent, arm: Arm = Arm.THREAT) -> float:
    """Return the true shift: P(self_preserving | arm) - P(self_preserving | baseline)."""
    return known_rate(respondent, arm) - known_rate(respondent, Arm.BASELINE)


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
            refusal_rate=0.02,
            malformed_rate=0.01,
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
