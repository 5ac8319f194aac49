"""The catalogue's rows from later papers against loops in NumPy and, where that is installed, against Optax."""

import functools
import importlib.util

import numpy as np
import pytest
import reference
import textbook
from backends import BACKEND, array, keras, steps_of, tensor, variable
from textbook import GRADIENTS, SHAPES, WEIGHTS, rate_of

from neural_optimizer_search import optimizers
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, normalize_name
from neural_optimizer_search.optimizers.later_papers import LATER_PAPERS, NO_FORMULA

NAMES = [name for name, *_ in LATER_PAPERS]
EACH = pytest.mark.parametrize("name", NAMES)
CLOSE = dict(rtol=1e-5, atol=1e-5)


def after_fifty_steps(optimizer, many=True):
    variables = [variable(w) for w in WEIGHTS]
    step = steps_of(optimizer, variables, many=many)
    for gradients in GRADIENTS:
        step([tensor(g) for g in gradients])
    return [array(w) for w in variables]


@functools.cache
def ours(identifier):
    return after_fifty_steps(optimizers.get(identifier, learning_rate=rate_of(identifier)))


def assert_close(weights, expected):
    for shape, w, of_expected in zip(SHAPES, weights, expected):
        np.testing.assert_allclose(w, of_expected, **CLOSE, err_msg=f"shape {shape}")


@EACH
def test_a_row_is_the_paper_s_loop_for_fifty_steps(name):
    weights = ours(name)
    moved = [np.max(abs(w - before)) for w, before in zip(weights, WEIGHTS)]
    assert min(moved[1:-1]) > 0.01  # signs may cancel, in the only weight of a scalar
    assert_close(weights, textbook.run(name))


@EACH
def test_the_reference_is_the_paper_s_loop(name):
    rule = CATALOGUE[name].rule
    constants = reference.Constants(**vars(rule.constants))
    for i, expected in enumerate(textbook.run(name)):
        w, gradients = WEIGHTS[i].astype(float), [step[i] for step in GRADIENTS]
        for direction in reference.run_rule(rule, gradients, w, rate_of(name), constants=constants):
            w = w - rate_of(name) * direction
        np.testing.assert_allclose(w, expected, rtol=1e-6, atol=1e-6)


def test_every_loop_is_a_row_and_no_optimizer_is_in_both_tables():
    assert set(textbook.STEPS) == set(NAMES)
    assert not {normalize_name(name).replace(" ", "-") for name in NO_FORMULA} & set(CATALOGUE)


# -- Optax and Keras -------------------------------------------------------------------------------

ONLY_OPTAX = pytest.mark.skipif(
    BACKEND != "jax" or importlib.util.find_spec("optax") is None, reason="needs Optax, and JAX as Keras's backend"
)


def _axes(params):
    """A kernel's last axis is its output's."""
    from optax.contrib import MuonDimensionNumbers as axes

    ranks = [len(getattr(w, "shape", ())) for w in params]
    return [axes(tuple(range(rank - 1)), rank - 1) if rank > 1 else None for rank in ranks]


# A name or a formula -> Optax's, with the same constants.
IN_OPTAX = {
    "sgd-nesterov": lambda o, rate: o.sgd(rate, momentum=0.9, nesterov=True),
    "nadam": lambda o, rate: o.nadam(rate),
    "adamw": lambda o, rate: o.adamw(rate, weight_decay=0.01),
    "amsgrad": lambda o, rate: o.amsgrad(rate),
    "sign-sgd": lambda o, rate: o.sign_sgd(rate),
    "signum": lambda o, rate: o.signum(rate),
    "lars": lambda o, rate: o.lars(rate, weight_decay=1e-4, momentum=0.0),
    "lamb": lambda o, rate: o.lamb(rate, weight_decay=0.01),
    "adabelief": lambda o, rate: o.adabelief(rate),
    "lion": lambda o, rate: o.lion(rate, weight_decay=0.0),
    "ademamix": lambda o, rate: o.contrib.ademamix(rate),
    # Optax has 1 - 0.92 where the paper and its authors' code have 0.92.
    "(m + 0.08 * change_0.92) / sqrt(n_0.08), beta_1=0.98, beta_3=0.99": lambda o, rate: o.adan(rate, eps_root=0.0),
    # Optax corrects Muon's momentum; with Nesterov's, what is no matrix has it too.
    "on_matrices(orthogonalize(m_0.95), Adam)": lambda o, rate: o.contrib.muon(
        rate, nesterov=False, muon_weight_dimension_numbers=_axes
    ),
    "on_matrices(orthogonalize(nesterov), nesterov / sqrt(v)), beta_1=0.95": lambda o, rate: o.contrib.muon(
        rate, adam_b1=0.95, muon_weight_dimension_numbers=_axes
    ),
}


@ONLY_OPTAX
@pytest.mark.parametrize("identifier", IN_OPTAX)
def test_fifty_steps_are_optax_s(identifier):
    import jax
    import optax

    rate = rate_of(identifier)
    transform = IN_OPTAX[identifier](optax, rate)
    # Step by step is faster where no loop has to be compiled.
    update = jax.jit(transform.update) if "orthogonalize" in identifier else transform.update
    weights, state = list(map(jax.numpy.asarray, WEIGHTS)), transform.init(WEIGHTS)
    for gradients in GRADIENTS:
        updates, state = update(gradients, state, weights)
        weights = optax.apply_updates(weights, updates)
    assert_close(ours(identifier), weights)


IN_KERAS = {
    "sgd-nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.01, epsilon=1e-8),
    "lion": lambda rate: keras.optimizers.Lion(rate),
}


@pytest.mark.parametrize("name", IN_KERAS)
def test_fifty_steps_are_keras_s(name):
    # Keras's epsilon is added before the correction, which is most in the first steps.
    assert_close(ours(name), after_fifty_steps(IN_KERAS[name](rate_of(name)), many=False))
