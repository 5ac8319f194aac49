from neural_optimizer_search.dsl.formula import FormulaError, parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.space import SearchSpace, search_space
