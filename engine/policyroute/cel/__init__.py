"""CEL for policies: parsed by cel-python, checked against declared types, compiled to Python code objects."""

from policyroute.cel.canonical import canonical
from policyroute.cel.conjuncts import Atom, Dimension, Operator, alternatives, atom_of, conjuncts
from policyroute.cel.expression import Demand, Environment, EvaluationError, Expression, Facts, Source, plain

__all__ = [
    "Atom",
    "Demand",
    "Dimension",
    "Environment",
    "EvaluationError",
    "Expression",
    "Facts",
    "Operator",
    "Source",
    "alternatives",
    "atom_of",
    "canonical",
    "conjuncts",
    "plain",
]
