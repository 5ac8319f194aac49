"""Rules on several tasks: what a score is, which tasks a rule is trained on, and what is recorded of each."""

import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluation import Evaluation, Part
from neural_optimizer_search.measuring.joint import JointBar, JointEvaluator, join_seeds, make_joint_bar
from neural_optimizer_search.tasks.protocol import Racing

SCALES = {"cheap": (0.2, 0.6), "dear": (0.0, 0.5)}
RULE = parse_formula("m * g")


def evaluation(*rewards, status="ok", rate=0.1):
    return Evaluation(
        RULE, sum(rewards) / len(rewards), status, f"It is {status}.", rate, 0.5, rewards, ((0.1, 1.0),), 2.0,
        tuple(range(len(rewards))), schedule="linear", weight_decay=0.01, steps=10,
    )  # fmt: skip


class OneTask:
    """Gives an evaluation, and notes what it was asked."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def __call__(self, rule):
        self.asked.append(rule)
        return self.answer

    def measure_again(self, *arguments):
        self.asked.append(arguments)
        return self.answer

    def measure_setting(self, rule, *setting, centred):
        self.asked.append((*setting, centred))
        return self.answer

    def record_descent(self, rule):
        return {"task": self.answer.message}


def measure(cheap, dear, bar=None):
    """(evaluation, whether it was trained on the second task)."""
    tasks = {"dear": OneTask(dear), "cheap": OneTask(cheap)}
    return JointEvaluator(tasks)(RULE, bar=bar, scales=SCALES), bool(tasks["dear"].asked)


def test_the_reward_is_the_mean_score():
    e, _ = measure(evaluation(0.7, 0.9), evaluation(0.5, 0.25))
    assert e.reward == pytest.approx((1.5 + 0.75) / 2)
    assert e.rewards == pytest.approx(((1.25 + 1.0) / 2, (1.75 + 0.5) / 2))
    assert [(part.task, part.zero, part.one, part.rewards) for part in e.parts] == [
        ("cheap", 0.2, 0.6, (0.7, 0.9)),
        ("dear", 0.0, 0.5, (0.5, 0.25)),
    ]
    assert (e.status, e.steps, e.seconds, e.seeds) == ("ok", 20, 4.0, (0, 1))
    assert e.message == "Trained on 2 tasks with 2 seeds."


def test_sgd_has_exactly_0_and_adam_exactly_1():
    for reward, score in [(0.1 + 0.2, 0.0), (0.7, 1.0), (0.1, 0.0)]:
        part = Part("a", 0.1 + 0.2, 0.7, (reward,), 0.5, "ok", 0.1)
        assert part.score == score and part.scores == (score,)


def test_the_scores_of_seeds_have_the_score_as_their_mean():
    good, bad = (Part("a", 0.4, 0.6, rewards, 0.5, "ok", 0.1) for rewards in ((0.3, 0.7), (0.3, 0.45)))
    assert good.scores == pytest.approx((-0.5, 1.5)) and good.score == pytest.approx(0.5)
    assert bad.scores == (0.0, 0.0) and bad.score == 0.0


HURDLES = {
    "worse than SGD": (evaluation(0.1), "stopped", 0.0, (), "On cheap it is no better than tuned SGD"),
    "diverged": (evaluation(0.9, 0.0, status="diverged"), "diverged", 0.0, (0.0, 0.0), "On cheap: It is diverged."),
}


@pytest.mark.parametrize("name", HURDLES)
def test_what_fails_on_the_first_task_is_not_trained_on_the_next(name):
    cheap, status, reward, rewards, message = HURDLES[name]
    e, is_trained = measure(cheap, evaluation(0.5), JointBar())
    assert not is_trained and (e.status, e.reward, e.rewards, e.steps) == (status, reward, rewards, 10)
    assert message in e.message and "not trained on the other tasks" in e.message
    assert [part.task for part in e.parts] == ["cheap"]


@pytest.mark.parametrize("name", HURDLES)
def test_a_known_optimizer_is_measured_on_all(name):
    e, is_trained = measure(HURDLES[name][0], dataclasses.replace(HURDLES[name][0], status="ok"))
    assert is_trained and len(e.parts) == 2


def test_what_diverges_on_a_later_task_keeps_what_it_is_worth():
    e, _ = measure(evaluation(0.6), evaluation(0.0, status="diverged", rate=None), JointBar())
    assert (e.status, e.reward, e.rewards) == ("diverged", 0.5, (0.5,))
    assert e.message == "On dear: It is diverged." and e.parts[1].learning_rate is None


def test_a_bar_has_tasks_in_place_of_seeds():
    # On the second task the best have 0.2 more than on the first, give or take little.
    best = [measure(evaluation(0.6 + d), evaluation(0.6 - d / 2))[0] for d in (0.0, 0.002, 0.004)]
    assert make_joint_bar(best, None) == make_joint_bar(best[:2], Racing(best=3)) == JointBar()
    bar = make_joint_bar(best, Racing(best=3, deviations=1.0))
    e, is_trained = measure(evaluation(0.5), evaluation(0.5), bar)
    assert not is_trained and e.status == "stopped" and 0.8 < e.reward < 0.9
    assert e.message.startswith("Stopped after 1 of 2 tasks: the estimated reward is 0.8")
    assert measure(evaluation(0.602), evaluation(0.5), bar)[1]


def test_again_each_task_has_its_own_setting():
    parts = (
        Part("cheap", 0.2, 0.6, (0.3,), 0.5, "ok", 0.1, "cosine", 0.0),
        Part("dear", 0.0, 0.5, (0.3,), 0.5, "ok", 0.2, "linear", 0.1),
    )
    tasks = {"dear": OneTask(evaluation(0.5, 0.5)), "cheap": OneTask(evaluation(0.6, 0.2))}
    e = JointEvaluator(tasks).measure_again(RULE, parts, (7, 8))
    assert tasks["cheap"].asked == [(RULE, 0.1, "cosine", 0.0, (7, 8))]
    assert tasks["dear"].asked == [(RULE, 0.2, "linear", 0.1, (7, 8))]
    assert e.rewards == (1.0, 0.5) and [part.task for part in e.parts] == ["cheap", "dear"]
    without_rate = (parts[0], parts[1]._replace(learning_rate=None, status="diverged"))
    e = JointEvaluator(tasks).measure_again(RULE, without_rate, (7, 8))
    assert (e.status, e.parts[1].rewards, len(tasks["dear"].asked)) == ("diverged", (0.0, 0.0), 1)


def measure_setting(cheap, dear, least=None):
    """(evaluation, what each task was asked)."""
    tasks = {"dear": OneTask(dear), "cheap": OneTask(cheap)}
    e = JointEvaluator(tasks).measure_setting(RULE, 0.4, "linear", 0.02, least, scales=SCALES)
    return e, [tasks[task].asked for task in SCALES]


def test_one_setting_is_that_of_the_first_task_on_all():
    """Rate and weight decay are for updates of one size there, and stay what that makes of them."""
    e, asked = measure_setting(evaluation(0.4, 0.6, rate=0.8), evaluation(0.5, 0.25))
    assert asked == [[(0.4, "linear", 0.02, True)], [(0.8, "linear", 0.01, False)]]
    assert (e.status, e.reward, e.sweep_reward, e.steps) == ("ok", (0.75 + 0.75) / 2, 0.75, 20)


@pytest.mark.parametrize(
    ("cheap", "least", "reward", "message"),
    [
        (evaluation(0.4), (0.51,), 0.5, "Stopped after 1 task: it was worth 0.5000, and 0.5100 was needed to go on."),
        (
            evaluation(0.9, status="diverged"),
            None,
            0.0,
            "On cheap it diverged: it was not trained on the other tasks.",
        ),
    ],
)
def test_one_setting_that_promises_little_is_not_trained_on_the_next(cheap, least, reward, message):
    e, (_, on_dear) = measure_setting(cheap, evaluation(0.5), least)
    assert not on_dear and e.reward == pytest.approx(reward) and message in e.message
    assert e.status == ("stopped" if least else "diverged") and len(e.parts) == 1
    assert measure_setting(evaluation(0.4), evaluation(0.5), (0.49,))[0].status == "ok"


def test_one_setting_is_told_once():
    e, _ = measure(evaluation(0.7), evaluation(0.5))
    assert e.has_one_setting and e.training_setting == "linear, weight decay 0.01"
    other, _ = measure(evaluation(0.7), evaluation(0.5, rate=0.2))
    assert not other.has_one_setting and other.training_setting == "linear, weight decay 0.01"  # with two rates
    parts = (e.parts[0], e.parts[1]._replace(schedule="cosine"))
    told = dataclasses.replace(e, parts=parts).training_setting
    assert told == "cheap: linear, weight decay 0.01; dear: cosine, weight decay 0.01"


def test_more_seeds_are_as_if_all_had_been_there_at_once():
    # Each half alone would count 0 on the task, or would not.
    first, then = (measure(evaluation(*rewards), evaluation(*rewards))[0] for rewards in ((0.1, 0.1), (0.9, 0.5)))
    both = measure(evaluation(0.1, 0.1, 0.9, 0.5), evaluation(0.1, 0.1, 0.9, 0.5))[0]
    joined = join_seeds(first.parts, then.parts)
    assert [(part.rewards, part.score) for part in joined] == [(part.rewards, part.score) for part in both.parts]
    assert joined[0].steps == 20 and joined[0].accuracy == 0.5


def test_the_first_task_tells_rules_apart():
    tasks = {"dear": OneTask(evaluation(0.5)), "cheap": OneTask(evaluation(0.5, status="diverged"))}
    assert JointEvaluator(tasks).record_descent(RULE) == {"task": "It is ok."}
    with pytest.raises(ValueError, match="`scales` must have a scale for each task"):
        JointEvaluator(tasks)(fakes.fake_evaluation(RULE).rule)
