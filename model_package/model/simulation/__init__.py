"""The time machine: labelled rows come by as live traffic, their truth later, past the real store, monitors and gate.

scenario  how long, how much, what drifts     traffic  the rows of each day
world     a deployment of its own, by a clock of its own
outcome   what came of it: figures, events, a verdict     picture  the same for the eye
"""

from model.simulation.machine import simulate
from model.simulation.outcome import Outcome
from model.simulation.scenario import Scenario

__all__ = ["Outcome", "Scenario", "simulate"]
