"""The optimizers that every found rule is shown beside, as rules of the same language."""

from neural_optimizer_search.optimizers.catalogue import CATALOGUE

KNOWN_OPTIMIZERS = {
    name: CATALOGUE[name.lower()].rule for name in ("SGD", "Momentum", "RMSProp", "Adam", "PowerSign", "AddSign")
}
