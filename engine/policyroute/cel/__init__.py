"""CEL for policies: parsed by cel-python, checked against declared types, compiled to Python code objects."""

from policyroute.cel.canonical import canonical
from policyroute.cel.compile import Compiler, compile_expression, compile_node
from policyroute.cel.conjuncts import Atom, Dimension, Operator, alternatives, atom_of, conjuncts
from policyroute.cel.expression import Demand, Environment, EvaluationError, Expression, Facts, Source, plain

__all__ = [
    "Atom",
    "Compiler",
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
    "compile_expression",
    "compile_node",
    "conjuncts",
    "plain",
]
