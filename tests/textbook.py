"""Optimizers of later papers as loops in NumPy, from the papers or their authors' code: a step for one weight tensor.

`step(g, w, t, s)` gives what the learning rate is multiplied with; t counts from 1, `s` is a dict that is kept.
"""

import numpy as np


def _average(s, name, value, beta):
    s[name] = beta * s.get(name, 0.0) + (1 - beta) * value
    return s[name]


def _mean(s, name, value, beta, t):
    """Bias-corrected, as Adam has it."""
    return _average(s, name, value, beta) / (1 - beta**t)


def _norm(x):
    return np.sqrt(np.sum(np.square(x)))


def adam(g, w, t, s, b1=0.9, b2=0.999, eps=1e-8):
    return _mean(s, "m", g, b1, t) / (np.sqrt(_mean(s, "v", g * g, b2, t)) + eps)


def adamw(g, w, t, s):
    """Loshchilov and Hutter (2019), algorithm 2; the decay as PyTorch's default."""
    return adam(g, w, t, s) + 0.01 * w


def nadam(g, w, t, s, b1=0.9, b2=0.999, eps=1e-8):
    """Dozat (2016), algorithm 2, with one momentum for all steps and v as Adam corrects it."""
    m, v = _average(s, "m", g, b1), _mean(s, "v", g * g, b2, t)
    return (b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)) / (np.sqrt(v) + eps)


def amsgrad(g, w, t, s):
    """Reddi et al. (2018), with both averages corrected."""
    m, v = _mean(s, "m", g, 0.9, t), _mean(s, "v", g * g, 0.999, t)
    s["max"] = np.maximum(s.get("max", 0.0), v)
    return m / (np.sqrt(s["max"]) + 1e-8)


def sgd_nesterov(g, w, t, s):
    """As Keras's `SGD(momentum=0.9, nesterov=True)`: the velocity is a sum."""
    s["velocity"] = 0.9 * s.get("velocity", 0.0) + g
    return g + 0.9 * s["velocity"]


def sign_sgd(g, w, t, s):
    """Bernstein et al. (2018), algorithm 1."""
    return np.sign(g)


def signum(g, w, t, s):
    """Bernstein et al. (2018), algorithm 2."""
    return np.sign(_average(s, "m", g, 0.9))


def lion(g, w, t, s):
    """Chen et al. (2023), algorithm 2, without its decay."""
    update = np.sign(0.9 * s.get("m", 0.0) + 0.1 * g)
    _average(s, "m", g, 0.99)
    return update


def adabelief(g, w, t, s, eps=1e-16):
    """Zhuang et al. (2020), algorithm 2: eps comes into s at each step."""
    m = _average(s, "m", g, 0.9)
    s["s"] = 0.999 * s.get("s", 0.0) + 0.001 * (g - m) ** 2 + eps
    return m / (1 - 0.9**t) / (np.sqrt(s["s"] / (1 - 0.999**t)) + eps)


def ademamix(g, w, t, s):
    """Pagliardini et al. (2024), algorithm 1, with alpha = 5 and the slow average's beta from the first step on."""
    fast, slow = _mean(s, "fast", g, 0.9, t), _average(s, "slow", g, 0.9999)
    return (fast + 5 * slow) / (np.sqrt(_mean(s, "v", g * g, 0.999, t)) + 1e-8)


def adan(g, w, t, s):
    """Xie et al. (2022), and the authors' code; without decay."""
    change = g - s.get("previous", g)
    s["previous"] = g
    m, v = _mean(s, "m", g, 0.98, t), _mean(s, "v", change, 0.92, t)
    n = _mean(s, "n", (g + 0.92 * change) ** 2, 0.99, t)
    return (m + 0.92 * v) / (np.sqrt(n) + 1e-8)


def lamb(g, w, t, s):
    """You et al. (2020), algorithm 2, with phi(x) = x."""
    update = adam(g, w, t, s, eps=1e-6) + 0.01 * w
    return update * _norm(w) / _norm(update) if _norm(w) and _norm(update) else update


def lars(g, w, t, s):
    """You et al. (2017), algorithm 1, without its momentum; a tensor of zeros has no rate of its own."""
    update = g + 1e-4 * w
    return 0.001 * _norm(w) / _norm(update) * update if _norm(w) and _norm(update) else update


def _newton_schulz(matrix):
    x = matrix / (_norm(matrix) + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


def muon(g, w, t, s):
    """The authors' code (Jordan et al., 2024), theirs being matrices [out, in]; Adam with their constants for it."""
    if np.ndim(g) < 2:
        return adam(g, w, t, s, b2=0.95, eps=1e-10)
    m = _average(s, "m", g, 0.95)
    update = np.reshape(0.05 * g + 0.95 * m, (-1, g.shape[-1])).T  # Keras's kernels are [..., in, out].
    out, into = update.shape
    # Theirs is the same for matrices on their sides.
    update = _newton_schulz(update) if out <= into else _newton_schulz(update.T).T
    return np.reshape(np.sqrt(max(1, out / into)) * update.T, g.shape)


def normuon(g, w, t, s):
    """Li et al. (2025), whose matrices are [out, in]; Adam with their β_2 for the rest."""
    if np.ndim(g) < 2:
        return adam(g, w, t, s, b2=0.95)
    m = np.reshape(_average(s, "m", g, 0.95), (-1, g.shape[-1])).T
    out, into = m.shape
    o = _newton_schulz(m) if out <= into else _newton_schulz(m.T).T
    v = _average(s, "v", np.mean(o**2, axis=1, keepdims=True), 0.95)
    update = o / (np.sqrt(v) + 1e-8)
    update = 0.2 * np.sqrt(out * into) / _norm(update) * update
    return np.reshape(update.T, g.shape)


def _cautious(update, g):
    mask = update * g > 0
    return update * mask / max(mask.mean(), 1e-3)


def cautious_adam(g, w, t, s):
    """Liang et al. (2024), algorithm 2, the mask as in the authors' code."""
    return _cautious(adam(g, w, t, s), g)


def cautious_lion(g, w, t, s):
    return _cautious(lion(g, w, t, s), g)


def grams(g, w, t, s):
    """Cao et al. (2024), algorithm 1."""
    return np.sign(g) * np.abs(adam(g, w, t, s))


STEPS = {
    "adamw": adamw,
    "nadam": nadam,
    "amsgrad": amsgrad,
    "sgd-nesterov": sgd_nesterov,
    "sign-sgd": sign_sgd,
    "signum": signum,
    "lion": lion,
    "adabelief": adabelief,
    "ademamix": ademamix,
    "adan": adan,
    "lamb": lamb,
    "lars": lars,
    "muon": muon,
    "normuon": normuon,
    "cautious-adam": cautious_adam,
    "cautious-lion": cautious_lion,
    "grams": grams,
}


# -- Fifty steps -----------------------------------------------------------------------------------

# A scalar, biases that are 0 at first, a matrix wider than square, a stack of such, a convolution that is taller as a
# matrix, and biases that stay without a gradient.
SHAPES = ((), (4,), (3, 7), (2, 2, 5), (3, 2, 2, 5), (3,))


def material():
    """Weights and, for each of fifty steps, gradients; by tensor, in float32."""
    rng = np.random.default_rng(0)
    weights = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in SHAPES]
    weights[1] *= 0
    gradients = [[rng.normal(size=shape).astype(np.float32) / 2 for shape in SHAPES] for _ in range(50)]
    for step in gradients:
        step[-1] *= 0
    return weights, gradients


WEIGHTS, GRADIENTS = material()


def rate_of(name):
    """Such that weights move by as much as they are large: LARS by a thousandth of their norm a step."""
    return 5.0 if name == "lars" else 0.01


def run(name):
    """The tensors after all steps."""
    return [_run(STEPS[name], [step[i] for step in GRADIENTS], w, rate_of(name)) for i, w in enumerate(WEIGHTS)]


def _run(step, gradients, w, learning_rate):
    w, kept = np.array(w, np.float64), {}
    for t, g in enumerate(gradients):
        w = w - learning_rate * step(np.asarray(g, np.float64), w, t + 1, kept)
    return w
