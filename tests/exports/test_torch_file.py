"""What users do with an exported optimizer of PyTorch."""

import copy
import io

import numpy as np
import paths
import pytest

from neural_optimizer_search import parse_formula

torch = pytest.importorskip("torch")

each_rule = pytest.mark.parametrize("rule", list(map(parse_formula, ["g + 1e-1*w - 1e-1*w", "Adam"])), ids=str)
RANDOM = parse_formula("drop(ld * m, 0.5) + eps")


def new(rule, params, **arguments):
    return paths.make(rule, "torch", params=params, **{"learning_rate": 0.1, **arguments})


def parameter(*shape, dtype=torch.float32):
    return torch.nn.Parameter(torch.ones(*shape, dtype=dtype))


def take_steps(optimizer, steps):
    for i in steps:
        for group in optimizer.param_groups:
            for w in group["params"]:
                w.grad = torch.full_like(w, float(i % 3) - 0.5)
        optimizer.step()


@each_rule
def test_groups_have_arguments_of_their_own(rule):
    a, b, c = parameter(2), parameter(2), parameter(2)
    optimizer = new(rule, [{"params": [a]}, {"params": [b], "lr": 0.2, "weight_decay": 0.5}, {"params": [c]}])
    a.grad = b.grad = torch.ones(2)
    optimizer.step()
    np.testing.assert_allclose(a.detach(), [0.9, 0.9], rtol=1e-5)
    np.testing.assert_allclose(b.detach(), [0.7, 0.7], rtol=1e-5)  # 1 - 0.2 * 0.5 - 0.2
    np.testing.assert_array_equal(c.detach(), [1, 1])  # it has no gradient


@each_rule
@pytest.mark.parametrize("number", [np.float32(0.5), np.array(0.5), np.int64(2), torch.tensor(0.5), 0.5], ids=repr)
def test_learning_rates(rule, number):
    w = parameter(2)
    take_steps(new(rule, [w], learning_rate=number), [0])
    sign = 1.0 if rule.averages else 0.5
    np.testing.assert_allclose(w.detach(), np.full(2, 1 + sign * float(number)), rtol=1e-5)


@pytest.mark.parametrize("number", [-0.1, float("nan")])
def test_wrong_numbers_are_refused(number):
    with pytest.raises(ValueError, match="Invalid learning rate: "):
        new(parse_formula("g"), [parameter(2)], learning_rate=number)
    with pytest.raises(ValueError, match="Invalid weight_decay value: "):
        new(parse_formula("g"), [parameter(2)], weight_decay=number)


@pytest.mark.parametrize("decay_steps", [None, 0, 2.5])
@pytest.mark.parametrize("formula", ["ld * g", "ld * Adam"])
def test_decay_steps_are_required_where_t_over_T_is_read(formula, decay_steps):
    with pytest.raises(ValueError, match=r"^Argument `decay_steps` must be an int > 0\. Received: "):
        new(parse_formula(formula), [parameter(2)], decay_steps=decay_steps)
    optimizer = new(parse_formula(formula), [parameter(2)], decay_steps=np.int64(3))
    assert type(optimizer.param_groups[0]["decay_steps"]) is int


def test_a_schedule_and_a_closure():
    w = parameter(2)
    optimizer = new(parse_formula("g"), [w])
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)

    def closure():
        optimizer.zero_grad()
        loss = w.sum()
        loss.backward()
        return loss

    assert [float(optimizer.step(closure)), schedule.step()] == [2.0, None]
    optimizer.step(closure)
    np.testing.assert_allclose(w.detach(), [0.85, 0.85])  # 1 - 0.1 - 0.05


@each_rule
def test_a_sparse_gradient(rule):
    embedding = torch.nn.Embedding(5, 1, sparse=True)
    torch.nn.init.ones_(embedding.weight)
    optimizer = new(rule, embedding.parameters())
    embedding(torch.tensor([1, 3, 3])).sum().backward()
    assert embedding.weight.grad.is_sparse
    optimizer.step()
    moved = 0.9 if rule.averages else 0.8
    np.testing.assert_allclose(embedding.weight.detach()[:, 0], [1, 0.9, 1, moved, 1], rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_dtypes(dtype):
    """The averages have the dtype of the parameters; the equation is computed in float32 at least."""
    w = parameter(2, dtype=dtype)
    optimizer = new(parse_formula("Adam"), [w], learning_rate=0.5)
    w.grad = torch.tensor([1.0, 0.0], dtype=dtype)
    optimizer.step()
    assert w.dtype == optimizer.state[w]["m"].dtype == dtype
    np.testing.assert_allclose(w.detach().double(), [0.5, 1.0])  # not NaN, as 0/(0 + 1e-8) were in float16


@pytest.mark.parametrize("rule", [RANDOM, parse_formula("Adam")], ids=str)
def test_a_saved_run_goes_on_as_if_it_had_not_stopped(rule):
    whole = [parameter(40), parameter(2, 3)]
    optimizer = new(rule, whole)
    take_steps(optimizer, range(3))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed = copy.deepcopy(whole)
    again = new(rule, resumed, learning_rate=0.7, **({"seed": 1, "decay_steps": 5} if rule == RANDOM else {}))
    again.load_state_dict(torch.load(file))  # with the arguments of before
    for each in (optimizer, again):
        take_steps(each, range(3, 6))
    for a, b in zip(whole, resumed):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("formula", "state"), [("g", ["step"]), ("ld * Adam", ["step", "m", "v"]), ("gamma + eps", ["step", "gamma"])]
)
def test_only_what_the_rule_reads(formula, state):
    w = parameter(2)
    optimizer = new(parse_formula(formula), [w])
    take_steps(optimizer, [0])
    assert list(optimizer.state[w]) == state
