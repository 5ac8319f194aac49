"""Searches that nobody ran, as directories that `nos-report` reads."""

import dataclasses

import fakes

from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import Tuning
from neural_optimizer_search.search.known_optimizers import THE_SIX, find_known_optimizers

CONFIG = dict(
    task="digits", protocol="default", space="arxiv2017_no_decay", depth=2, algorithm="ppo", preset="fast", budget=8,
    seed=0, seeds_per_rule=None, unconstrained=False, screen=None, cache="none", workers=2, data_dir=None,
    baselines=THE_SIX,
)  # fmt: skip
# No two of them, and of the known optimizers, behave alike.
FORMULAS = (
    "Adam - drop(-RMSProp, 0.3)",
    "2 ^ (sign(g) * sign(m)) * g^3",
    "(1 + sign(g) * sign(m)) * Adam",
    "clip(m / sqrt(|v|), 1e-3) ^ 2",
    "log(gamma) + drop(1e-4*w, 0.5) / (eps + 2)",
    "clip(sign(g^2) ^ drop(g, 0.1), 1e-5) * drop(g, 0.5)",
    "sign(m) - g^3",
)
# As long as a rule of depth 4 gets.
LONG = "*".join(["(Adam + clip(RMSProp, 1e-5) / (sqrt(|gamma|) + drop(1e-4*w, 0.5)))"] * 2)
FAILED = ("diverged", "failed", "timeout", "killed", "out of memory")
ATTACK = "</title></style></script><script>window.attacked = 1</script><img src=x onerror='window.attacked = 2'>\"'"


def evaluation(formula, reward, **changes):
    """An evaluation with the looks of a real one: five seeds, seven learning rates."""
    made = fakes.fake_evaluation(parse_formula(formula), reward)
    return dataclasses.replace(
        made,
        rewards=tuple(reward + 0.01 * k for k in (-2, -1, 0, 1, 2)),
        sweep=tuple((10.0**k, 2.0 - 0.5 * reward * k if k < 1 else None) for k in range(-5, 2)),
        seconds=1.5,
        **changes,
    )


def known():
    rules = find_known_optimizers(THE_SIX).values()
    return [evaluation(rule.formula(), 0.6 + 0.02 * k) for k, rule in enumerate(rules)]


def found():
    return [evaluation(formula, 0.7 - 0.05 * k) for k, formula in enumerate((*FORMULAS, LONG))]


def write(
    directory,
    evaluations=(),
    baselines=(),
    config=CONFIG,
    screened_out=0,
    unfinished=(),
    alike=(),
    fresh=(),
    tuned=(),
):
    """A run whose algorithm proposed the evaluations, each twice, and what the screen stopped; and one step more.

    What is `alike` was proposed too, what is `fresh` measured with other seeds at the end, and what is `tuned` found
    before the second step.
    """
    directory.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(directory / "ledger.sqlite", config)
    for e in baselines:
        ledger.add_evaluation(e, "baseline")
    for e in (*evaluations, *unfinished):
        ledger.add_evaluation(e, "search")
    stopped = dataclasses.replace(fakes.fake_evaluation(parse_formula("g^2"), 0.0), status="screened", key="")
    ledger.add_samples(0, [stopped] * screened_out)
    ledger.add_samples(1, [*evaluations, *evaluations])
    ledger.add_samples(2, alike)
    for e in tuned:
        ledger.add_tuning(Tuning(e.form, 0, 2, 100, ({},)), dataclasses.replace(e, key=f"{e.form} #0"))
    for e in fresh:
        ledger.add_fresh(e)
    ledger.close()
    return directory


# -- Searches of every kind ------------------------------------------------------------------------


def failed():
    return [
        dataclasses.replace(
            e, status=status, message=f"It {status}.", reward=0.0, rewards=(), sweep=(), learning_rate=None
        )
        for status, e in zip(FAILED, found())
    ]


def with_fresh_seeds(evaluations, seeds=4):
    """What the same rules get with fresh seeds: a little less."""
    rewards = [tuple(e.reward - 0.01 * (k % 3) for k in range(seeds)) for e in evaluations]
    return [
        dataclasses.replace(
            e,
            reward=sum(those) / seeds,
            rewards=those,
            seeds=tuple(range(1000, 1000 + seeds)),
            steps=100,
            curves=tuple((0.5 * reward, 0.8 * reward, reward) for reward in those),
        )
        for e, those in zip(evaluations, rewards)
    ]


def stopped():
    """A rule that was stopped after the sweep, and one after two seeds, above all that were measured in full."""
    made = [evaluation("e^g", 0.1), evaluation("e^m", 0.9)]
    return [
        dataclasses.replace(e, status="stopped", message="Stopped.", rewards=e.rewards[:k], steps=50)
        for e, k in zip(made, (0, 2))
    ]


# As long as a rule of composed forms gets, with all its constants.
TUNED = (
    "exp(sign(g) * sign(m)) * cautious(clip(RMSProp, 0.108)) + 0.0438*w, "
    "beta_1=0.896, beta_2=0.99632, epsilon=1.15e-8"
)


def tuned():
    """The first rule and the first known optimizer with tuned constants; nothing was swept with these."""
    made = [(found()[0], TUNED, 0.8), (known()[0], "g, beta_1=0.5", 0.75)]
    return [
        dataclasses.replace(
            form, rule=parse_formula(formula), reward=reward, rewards=(reward,) * 5, sweep=(), form=form.key
        )
        for form, formula, reward in made
    ]


def with_steps(evaluations, steps=200):
    return [dataclasses.replace(e, steps=steps) for e in evaluations]


def alike():
    """Disguises of the best rule, two of them, and of Adam."""
    best, adam = found()[0], known()[3]
    rules = zip(("Adam + RMSProp", "RMSProp + Adam", "Adam + eps"), (best, best, adam))
    return [dataclasses.replace(e, rule=parse_formula(formula), alike=True) for formula, e in rules]


def odd_fresh():
    first, second, third, fourth, fifth, *others = found()
    return [
        dataclasses.replace(first, rewards=(0.7,), seeds=(1000,)),
        dataclasses.replace(second, rewards=(), seeds=()),
        dataclasses.replace(third, reward=1e308, rewards=(1e308, -1e308), seeds=(1000, 1001)),
        dataclasses.replace(fourth, rewards=(0.5,), seeds=(1000,), curves=((1e308, -1e308),)),
        dataclasses.replace(fifth, rewards=(0.5,), seeds=(1000,), curves=((),)),
        *(dataclasses.replace(e, reward=0.0, status="failed", rewards=(0.0, 0.0), seeds=(7, 7)) for e in others),
    ]


def odd():
    """Numbers that no training gives, and that a ledger may hold."""
    return [
        dataclasses.replace(
            e,
            reward=reward,
            rewards=(reward, 5e-324, -1e308),
            sweep=((1e-3, -1e308), (1e-2, None), (1e300, 1e308), (5e-324, 1.0)),
            seconds=reward,
        )
        for reward, e in zip((1e308, 1e-308, 1e-320, 1e12, -5.0), found())
    ]


def one_seed(evaluations):
    return [dataclasses.replace(e, rewards=(e.reward,)) for e in evaluations]


def hostile():
    """Evaluations whose every text is an attack."""
    return [
        *(dataclasses.replace(e, message=ATTACK, key=ATTACK + e.key) for e in found()[:2]),
        *(dataclasses.replace(e, status="diverged", message=ATTACK) for e in found()[2:4]),
    ]


# What `write` is given, by name; `conftest.recorded` writes and reads each once.
SEARCHES = {
    "whole": dict(evaluations=found(), baselines=known(), screened_out=3),
    "at work": dict(evaluations=found()[:3]),
    "raced": dict(
        evaluations=[*with_steps(found()), *stopped()],
        baselines=with_steps(known()),
        alike=alike(),
        fresh=with_fresh_seeds([*found(), *known()]),
    ),
    "tuned": dict(evaluations=found(), baselines=known(), tuned=tuned()),
    "known are fresh": dict(evaluations=found()[:3], baselines=known(), fresh=with_fresh_seeds(known()[:2])),
    "odd fresh": dict(evaluations=found(), baselines=known(), fresh=[*odd_fresh(), *with_fresh_seeds(known(), 2)]),
    "one fresh seed": dict(
        evaluations=found()[:2], baselines=known(), fresh=with_fresh_seeds([*found()[:2], *known()], 1)
    ),
    "nothing": {},
    "only known": dict(baselines=known()),
    "only found": dict(evaluations=found()),
    "only failed": dict(evaluations=failed(), baselines=known()),
    "odd numbers": dict(evaluations=odd()),
    "odd settings": dict(
        evaluations=found()[:2],
        config={"task": ["a"], "budget": "many", "seed": {"b": 1}, "algorithm": 5, "preset": [], "x": 10**400},
    ),
    "no settings": dict(evaluations=found()[:2], baselines=known(), config={}),
    "one seed": dict(evaluations=one_seed(found()), baselines=one_seed(known())),
    "hostile": dict(
        evaluations=hostile(),
        baselines=known(),
        alike=[dataclasses.replace(hostile()[0], rule=known()[3].rule, alike=True)],
        fresh=[dataclasses.replace(e, message=ATTACK) for e in with_fresh_seeds([*hostile()[:2], *known()])],
        config={**dict.fromkeys(CONFIG, ATTACK), ATTACK: [ATTACK], "table": {ATTACK: ATTACK}},
    ),
}
DIRECTORIES = {"whole": "a-run", "hostile": "<img src=x onerror='window.attacked = 3'>"}
ODD = tuple(name for name in SEARCHES if name not in ("whole", "at work", "raced", "tuned", "hostile"))


def write_named(parent, name):
    """The search of a name in `SEARCHES`, as a directory in this one."""
    return write(parent / DIRECTORIES.get(name, "run"), **SEARCHES[name])
