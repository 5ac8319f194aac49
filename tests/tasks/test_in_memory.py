"""What is read is what `fit` of the Keras that is there hands to a model's `train_step`."""

import itertools
import sys

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.keras_versions import KERAS_3
from neural_optimizer_search.tasks import batch_store
from neural_optimizer_search.tasks.child import length, rows
from neural_optimizer_search.tasks.in_memory import read_into_memory

pytestmark = pytest.mark.filterwarnings("ignore:Your input ran out of data")  # said of each generator by Keras 3

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3))
IDS = RNG.integers(1, 9, size=(10, 2))
Y = np.arange(10) % 3
WEIGHTS = RNG.uniform(size=10)
WORDS = np.array([f"word {i}" for i in range(10)])
LISTS = [[1, 2], [], [3], [4, 5, 6], [7], [8, 9], [1], [2], [], [3, 4]]


def dataset(data, size=4):
    return tf.data.Dataset.from_tensor_slices(data).batch(size)


def part(data, start, stop):
    return tf.nest.map_structure(lambda array: array[start:stop], data)


def parts(data):
    """Batches of arrays."""
    return (part(data, start, start + 4) for start in (0, 4, 8))


class Batches(tf.keras.utils.Sequence):
    def __init__(self, data=None):
        super().__init__()
        self.batches = [] if data is None else list(parts(data))

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


class Recorder(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.built = True

    def train_step(self, data):
        RECORDED.append(data)
        return {"loss": 0.0}


RECORDED = []


def handed_by_fit(data, **arguments):
    """One nest of all that plain Keras hands to a `train_step`."""
    RECORDED.clear()
    model = Recorder()
    model.compile(run_eagerly=True)
    data = data if isinstance(data, tuple) else (data,)
    model.fit(**dict(zip(("x", "y", "sample_weight"), data)), shuffle=False, verbose=0, **arguments)
    return tf.nest.map_structure(lambda *batches: tf.concat(batches, 0), *RECORDED)


def assert_same(got, expected):
    tf.nest.assert_same_structure(got, expected)
    for part, other in zip(tf.nest.flatten(got), tf.nest.flatten(expected)):
        assert (type(part), part.dtype) == (type(other), other.dtype)
        if isinstance(part, tf.RaggedTensor):
            assert part.to_list() == other.to_list()
        else:
            np.testing.assert_array_equal(part, other)


def pandas(make):
    return make(pytest.importorskip("pandas"))


# Functions, because iterators can be read once.
TAKEN_BY_FIT = {
    "arrays": lambda: (X, Y),
    "tensors": lambda: (tf.constant(X), tf.constant(Y)),
    "float16 and Booleans": lambda: (X.astype(np.float16), X > 0),
    "weights": lambda: (X, Y, WEIGHTS),
    "no weights": lambda: (X, Y, None),
    "a list of inputs": lambda: ([X, IDS], Y),
    "a tuple of inputs": lambda: ((X, IDS), Y),
    "dicts": lambda: ({"x": X, "ids": IDS}, {"sum": X.sum(1), "y": Y}),
    "weights of outputs": lambda: (X, {"sum": X.sum(1), "y": Y}, {"sum": WEIGHTS, "y": WEIGHTS / 2}),
    "lists in dicts": lambda: ({"both": [X, IDS]}, [Y, [Y]]),
    "an array alone": lambda: X,
    "an array alone in a tuple": lambda: (X,),
    "no targets": lambda: (X, None),
    "a dict alone": lambda: {"x": X, "ids": IDS},
    "a list of inputs alone": lambda: ([X, IDS],),
    "ragged": lambda: (tf.ragged.constant(LISTS), Y),
    "ragged and dense": lambda: ({"ragged": tf.ragged.constant(LISTS), "dense": X}, Y, WEIGHTS),
    "strings": lambda: (tf.constant(WORDS), Y),
    "a dataset": lambda: dataset((X, Y)),
    "a dataset of float32": lambda: dataset((X.astype(np.float32), Y, WEIGHTS)),
    "a dataset of dicts": lambda: dataset(({"x": X, "ids": IDS}, {"y": Y})),
    "a dataset of inputs": lambda: dataset(X),
    "a dataset of inputs in a tuple": lambda: dataset((X,)),
    "a dataset of a dict": lambda: dataset({"x": X, "y": Y}),
    "a dataset of ragged tensors": lambda: dataset((tf.ragged.constant(LISTS), Y)),
    "a Sequence": lambda: Batches((X, Y)),
    "a Sequence with weights": lambda: Batches(({"x": X, "ids": IDS}, Y, WEIGHTS)),
    "a Sequence of a dict": lambda: Batches({"x": X}),
    "a Sequence of inputs": lambda: Batches(X),
    "a Sequence of lists": lambda: Batches([X, Y]),
    "a generator": lambda: parts((X, Y)),
    "a generator with weights": lambda: parts((X, {"y": Y}, {"y": WEIGHTS})),
    "a generator of inputs": lambda: parts((X,)),
    "a generator of float32": lambda: parts((X.astype(np.float32), Y)),
    "a frame": lambda: pandas(lambda pd: (pd.DataFrame(X), pd.Series(Y))),
    "a frame of whole numbers": lambda: pandas(lambda pd: (pd.DataFrame(IDS), Y)),
    "frames in a dict": lambda: pandas(lambda pd: ({"x": pd.DataFrame(X), "a": pd.Series(WEIGHTS)}, Y)),
}
if not KERAS_3:  # which refuses them
    TAKEN_BY_FIT["lists of numbers"] = lambda: ([[1.5, 2], [3, 4]], [0, 1])
    TAKEN_BY_FIT["a generator of lists"] = lambda: parts([X, Y])


@pytest.mark.parametrize("name", TAKEN_BY_FIT)
def test_it_is_what_fit_hands_on(name):
    make = TAKEN_BY_FIT[name]
    read = read_into_memory(make(), "train")
    assert_same(read.data, handed_by_fit(make(), batch_size=4) if read.batch_size is None else handed_by_fit(make()))
    assert read.batch_size in (None, 4)
    assert length(read.data) == (2 if name == "lists of numbers" else 10)
    # What a training does with it, in a graph.
    some = tf.nest.map_structure(lambda part: part[:2], read.data)
    assert_same(rows(read.data, 0, 2), some)
    gather = tf.function(lambda places: tf.nest.map_structure(lambda part: tf.gather(part, places), read.data))
    assert_same(gather(tf.range(2)), some)


ALSO_TAKEN = {
    "lists of numbers": (lambda: (X.tolist(), Y.tolist()), lambda: (X, Y)),
    "a list of NumPy's numbers": (lambda: (X, list(Y)), lambda: (X, Y)),
    "strings of NumPy": (lambda: (WORDS, Y), lambda: (tf.constant(WORDS), Y)),
    "objects that are strings": (lambda: (WORDS.astype(object), Y), lambda: (tf.constant(WORDS), Y)),
    "an iterator": (lambda: iter(list(parts((X, Y)))), lambda: parts((X, Y))),
    "an iterator of a dataset": (lambda: iter(dataset((X, Y))), lambda: dataset((X, Y))),
    "a generator of inputs alone": (lambda: parts(X), lambda: parts((X,))),
    "a generator of lists": (lambda: parts([X, Y]), lambda: parts((X, Y))),
    "a generator with None": (lambda: ((*batch, None) for batch in parts((X, Y))), lambda: parts((X, Y))),
    "a function of arrays": (lambda: lambda: (X, Y), lambda: (X, Y)),
    "a function of a dataset": (lambda: lambda: dataset((X, Y)), lambda: dataset((X, Y))),
    "a function that generates": (lambda: lambda: parts((X, Y)), lambda: parts((X, Y))),
}


@pytest.mark.parametrize("name", ALSO_TAKEN)
def test_it_is_what_fit_hands_on_of_the_same_numbers(name):
    make, same = ALSO_TAKEN[name]
    assert_same(read_into_memory(make(), "train").data, handed_by_fit(same()))


WITH_BATCHES = {
    "a dataset": lambda: dataset((X, Y)),
    "an endless dataset": lambda: dataset((X, Y)).repeat(),
    "a Sequence": lambda: Batches((X, Y)),
    "a generator": lambda: parts((X, Y)),
    "an endless generator": lambda: (batch for batch in itertools.cycle(parts((X, Y)))),
}


@pytest.mark.parametrize("name", WITH_BATCHES)
def test_as_many_as_are_wanted(name):
    make = WITH_BATCHES[name]
    whole = handed_by_fit(make(), steps_per_epoch=2)
    assert_same(read_into_memory(make(), "train", batches=2).data, whole)
    assert_same(read_into_memory(make(), "train", limit=7).data, rows(whole, 0, 7))
    assert_same(read_into_memory(make(), "train", limit=7, batches=1).data, rows(whole, 0, 4))
    if "endless" not in name:
        assert length(read_into_memory(make(), "train", batches=5).data) == 10


def test_the_first_arrays():
    assert_same(read_into_memory((X, Y), "train", limit=7).data, rows(handed_by_fit((X, Y)), 0, 7))
    assert length(read_into_memory((X, Y), "train", batches=1).data) == 10  # they have no batches


def test_an_endless_sequence():
    if not KERAS_3:
        return

    class Endless(tf.keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return X + index, Y

    np.testing.assert_allclose(read_into_memory(Endless(), "train", batches=2).data[0], np.concatenate([X, X + 1]))
    with pytest.raises(ValueError, match="Received: a Sequence without end"):
        read_into_memory(Endless(), "train")


def test_lengths():
    sequences = tf.data.Dataset.from_generator(
        lambda: zip([[1, 2], [3], [4, 5, 6]], [0, 1, 0]),
        output_signature=(tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32)),
    )
    padded = read_into_memory(sequences.padded_batch(2), "train")
    np.testing.assert_array_equal(padded.data[0], [[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    assert padded.batch_size == 2
    assert padded.padding.startswith("Batches of `train` have several shapes and are padded to [3] with zeros, more")
    assert not read_into_memory(sequences.padded_batch(3), "train").padding
    ragged = read_into_memory(sequences.ragged_batch(2), "train").data[0]
    assert ragged.to_list() == [[1, 2], [3], [4, 5, 6]]
    words = sequences.map(lambda ids, y: (tf.strings.as_string(ids), y)).padded_batch(2)
    np.testing.assert_array_equal(read_into_memory(words, "train").data[0][1], [b"3", b"", b""])
    masks = sequences.map(lambda ids, y: (ids > 0, y)).padded_batch(2)
    np.testing.assert_array_equal(read_into_memory(masks, "train").data[0][1], [True, False, False])


def test_what_a_function_shuffles_is_alike_in_each_process():
    def shuffled():
        return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(10).batch(4)

    def drawn():
        for _ in range(3):
            yield np.random.normal(size=(4, 3)), tf.random.uniform([4])

    for make in (shuffled, drawn):
        tf.keras.utils.set_random_seed(1)
        first = read_into_memory(make, "train").data
        tf.keras.utils.set_random_seed(2)
        assert_same(read_into_memory(make, "train").data, first)
        assert not np.array_equal(first[0], X)


# -- Weights of classes ----------------------------------------------------------------------------------------------

ONE_HOT = np.eye(3)[Y]
CLASS_WEIGHT = {0: 0.5, 1: 2.0, 2: 3.0}
WITH_CLASSES = {
    "numbers": lambda: (X, Y),
    "numbers in a column": lambda: (X, Y[:, None].astype(np.float32)),
    "one-hot": lambda: (X, ONE_HOT),
    "a dataset": lambda: dataset((X, Y)),
    "a Sequence": lambda: Batches((X, ONE_HOT)),
}


@pytest.mark.parametrize("name", WITH_CLASSES)
def test_weights_of_classes_are_those_of_fit(name):
    make = WITH_CLASSES[name]
    read = read_into_memory(make(), "train", class_weight=CLASS_WEIGHT).data
    assert_same(read, handed_by_fit(make(), class_weight=CLASS_WEIGHT))
    np.testing.assert_array_equal(read[2], np.array([0.5, 2.0, 3.0], np.float32)[Y])


def test_weights_of_classes_and_of_examples_are_multiplied():
    expected = np.array([0.5, 2.0, 3.0])[Y] * WEIGHTS
    read = read_into_memory((X, Y, WEIGHTS), "train", class_weight=CLASS_WEIGHT).data
    np.testing.assert_allclose(read[2], expected, rtol=1e-6)
    of_steps = (X, np.stack([ONE_HOT, ONE_HOT], 1), WEIGHTS)  # a class for each of two steps
    read = read_into_memory(of_steps, "train", class_weight=CLASS_WEIGHT).data
    np.testing.assert_allclose(read[2], np.stack([expected, expected], 1), rtol=1e-6)
    if not KERAS_3:  # which takes one or the other; Keras 2 takes both in batches of a fixed length
        for data in ((X, Y, WEIGHTS), of_steps):
            fixed = tf.data.Dataset.from_tensor_slices(data).batch(5, drop_remainder=True)
            read = read_into_memory(fixed, "train", class_weight=CLASS_WEIGHT).data
            assert_same(read, handed_by_fit(fixed, class_weight=CLASS_WEIGHT))


def test_a_class_without_a_weight():
    if KERAS_3:
        read = read_into_memory((X, Y), "train", class_weight={1: 5.0}).data
        assert_same(read, handed_by_fit((X, Y), class_weight={1: 5.0}))
        return
    with pytest.raises(ValueError, match=r"`class_weight` must have a weight for each class .* without 1, 2\."):
        read_into_memory((X, Y), "train", class_weight={0: 5.0})


# -- What is refused -------------------------------------------------------------------------------------------------


def endless():
    while True:
        yield np.zeros([4, 3], np.float32), np.zeros(4, np.float32)


def unknown_end():
    specs = (tf.TensorSpec([None, 3], tf.float32), tf.TensorSpec([None], tf.float32))
    return tf.data.Dataset.from_generator(endless, output_signature=specs)


def sparse():
    import scipy.sparse

    return scipy.sparse.csr_matrix(X)


def of_shapes(*shapes):
    return ((np.zeros(shape), np.zeros(shape[:1])) for shape in shapes)


STEPS = r"sizes=dict\(train_examples=\.\.\.\), with steps_per_epoch=\.\.\., or with `take`"
BAD_DATA = {
    "without end": (
        lambda: dataset((X, Y)).repeat(),
        rf"`train` must end, .*a tf\.data\.Dataset without end.*{STEPS}",
    ),
    "large": (
        lambda: dataset((X, Y), 2),
        rf"`train` must fit in memory, in max_bytes=199 .* a tf.data.Dataset, of which 8 examples take 256 .*{STEPS}",
    ),
    "large arrays": (lambda: (X, Y), "Received: arrays, of which 10 examples take 200 bytes"),
    "large strings": (lambda: (WORDS, Y), f"of which 10 examples take {10 * (24 + len(WORDS[0]) + 8)} bytes"),
    "large ragged tensors": (lambda: (tf.ragged.constant(LISTS), Y), f"take {13 * 4 + 11 * 8 + 10 * 8} bytes"),
    "large, of unknown length": (
        unknown_end,
        "a tf.data.Dataset, which may have no end, of which 16 examples take 256",
    ),
    "a large generator": (endless, "a generator, which may have no end, of which 16 examples take 256 bytes"),
    "large when padded": (
        lambda: ((np.ones([1, length], np.int64), np.ones(1, np.int64)) for length in (1, 12)),
        "a generator, which may have no end, of which 2 examples take 208 bytes",
    ),
    "empty": (
        lambda: dataset((X, Y)).take(0),
        "`train` must have examples. Received: a tf.data.Dataset of 0",
    ),
    "filtered": (lambda: dataset((X, Y)).filter(lambda x, y: False), "a tf.data.Dataset of 0 examples"),
    "empty arrays": (lambda: (X[:0], Y[:0]), "Received: arrays of 0 examples"),
    "an empty generator": (lambda: iter([]), "a generator at its end.* give the function that makes it"),
    "an empty Sequence": (Batches, "`train` must have examples. Received: a Sequence of 0 examples"),
    "not batched": (
        lambda: tf.data.Dataset.from_tensor_slices((X, Y)),
        r"Received shapes: \(\(3,\), \(\)\)\. Is a `\.batch\(\.\.\.\)` missing\?",
    ),
    "single examples": (lambda: zip(X, Y), r"Received shapes: \(\(3,\), \(\)\)\. Does the generator yield single"),
    "single examples with numbers": (lambda: zip(X, Y.tolist()), "Received: int in place of one"),
    "of two lengths": (lambda: (X, Y[1:]), r"Received shapes: \(\(10, 3\), \(9,\)\)\.$"),
    "four parts": (lambda: (X, Y, Y, Y), "`train` must be a tuple .* Received: a tuple of 4 parts"),
    "a list": (lambda: [X, Y], "`train` must be a tuple .* Received: list"),
    "a number": (lambda: 3, "`train` must be a tuple .* Received: int"),
    "nothing": (lambda: None, "`train` must be a tuple .* Received: NoneType"),
    "a model": (lambda: tf.keras.Sequential(), "`train` must be a tuple .* Received: Sequential"),
    "None inside": (lambda: ([X, None], Y), "Received: None in place of one"),
    "None for targets": (lambda: (X, None, WEIGHTS), "Received: None in place of one"),
    "a dataset and targets": (
        lambda: (dataset(X), Y),
        "must have arrays, tensors or pandas frames. Received: _Batch",
    ),
    "a sparse matrix": (lambda: (sparse(), Y), r"must have dense or ragged .*csr_matrix.*dense with \.toarray\(\)"),
    "sparse tensors": (
        lambda: dataset((tf.sparse.from_dense(X), Y)),
        r"SparseTensor.*tf\.sparse\.to_dense\(\.\.\.\)",
    ),
    "sparse batches": (lambda: iter([(sparse(), Y)]), r"dense with \.toarray\(\)"),
    "lists of several lengths": (lambda: (LISTS, Y), r"lists of several lengths\. Pad them, or make a tf\.ragged"),
    "objects": (lambda: (np.array([None] * 10), Y), "array of objects, of which the first is None"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(name):
    make, message = BAD_DATA[name]
    with pytest.raises(ValueError, match=message) as error:
        read_into_memory(make(), "train", max_bytes=199 if "large" in name else 10**6)
    assert "\n" not in str(error.value)


BAD_ARGUMENTS = {
    "no batches": (dict(batches=0), "`validation_steps` must be a whole number of at least 1, or None. Received: 0"),
    "half a batch": (dict(batches=0.5), "`validation_steps` must be .* Received: 0.5"),
    "a list of weights": (dict(class_weight=[1, 2]), r"`class_weight` must be a dict .* Received: \[1, 2\]"),
    "names of classes": (dict(class_weight={"a": 2}), r"`class_weight` must be a dict .* Received: \{'a': 2\}"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments(name):
    arguments, message = BAD_ARGUMENTS[name]
    with pytest.raises(ValueError, match=message):
        read_into_memory((X, Y), "validation", **arguments)


def test_weights_of_classes_of_no_class():
    for data, what in (((X,), "no targets"), ((X, {"a": Y, "b": Y}), "targets of several outputs")):
        with pytest.raises(ValueError, match=f"`class_weight` must be None unless `train` .* Received: {what}"):
            read_into_memory(data, "train", class_weight=CLASS_WEIGHT)


@pytest.mark.parametrize("make", [endless, unknown_end])
def test_what_does_not_end_is_told(monkeypatch, make):
    monkeypatch.setattr(batch_store, "ENDLESS", 5)
    with pytest.raises(
        ValueError, match=rf"no end in 5 batches of 20 examples, .*max_bytes={2**31}\. Read .*{STEPS}"
    ):
        read_into_memory(make(), "train")
    assert length(read_into_memory(make(), "train", limit=24).data) == 24
    assert length(read_into_memory(make(), "train", batches=6).data) == 24


class Failing(Batches):
    def __getitem__(self, index):
        return self.batches[index] if index < 2 else {}["a key that is missing"]


def fail_late():
    yield from itertools.islice(parts((X, Y)), 2)
    raise KeyError("a key that is missing")


def fail_at_once():
    raise KeyError("a key that is missing")


@pytest.mark.parametrize("make", [fail_late, fail_at_once, lambda: Failing((X, Y))])
def test_an_error_of_the_users_passes_through(make):
    with pytest.raises(KeyError, match="a key that is missing") as error:
        read_into_memory(make, "train")
    assert error.traceback[-1].path.name == "test_in_memory.py"


@pytest.mark.parametrize("make", [fail_late, lambda: Failing((X, Y))])
def test_an_error_after_what_is_wanted_is_none(make):
    assert length(read_into_memory(make, "train", batches=1).data) == 4
    assert length(read_into_memory(make, "train", limit=5).data) == 5


def test_what_keras_refuses_is_told_in_its_words():
    batches = of_shapes((4, 3), (4, 3), (4,))
    with pytest.raises(
        ValueError, match=r"`train` must be data that Keras's `fit` takes\. Keras says: .*[Gg]enerator"
    ):
        read_into_memory(batches, "train")


def test_a_generator_is_read_once():
    generator = parts((X, Y))
    read_into_memory(generator, "train")
    with pytest.raises(ValueError, match="give the function that makes it"):
        read_into_memory(generator, "train")


def test_reading_is_shown(monkeypatch):
    shown = []

    class Bar:
        def __init__(self, **settings):
            shown.append(settings["desc"])

        def __enter__(self):
            return self

        def __exit__(self, *error):
            shown.append("closed")

        def update(self, examples):
            shown.append(examples)

    monkeypatch.setattr("tqdm.tqdm", Bar)
    read_into_memory(dataset((X, Y)), "train")
    assert shown == ["Reading `train`", 4, 4, 2, "closed"]


def test_reading_without_tqdm(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert length(read_into_memory(dataset((X, Y)), "train").data) == 10
    assert capfd.readouterr() == ("", "")
