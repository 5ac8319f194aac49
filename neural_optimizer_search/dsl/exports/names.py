"""Names of exported optimizers: which are valid, and in which style they are written."""

import builtins
import keyword
import re

# All names that any file defines or imports. There is one list, so that a name that is valid in one file is in all.
RESERVED = (
    "KERAS_3", "NamedTuple", "direction", "jax", "jnp", "keras", "make_schedule", "math", "numbers", "ops", "optax",
    "random", "tf", "torch",
)  # fmt: skip


def check_name(name: str) -> None:
    """Checks that a text can be the name of an exported optimizer.

    Raises:
      ValueError: If the name is not an identifier, or one that a file or Python itself needs.
    """
    # Keras 2 uses the class's name as a scope, which must start with a letter and be ASCII.
    valid = isinstance(name, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name)
    if not valid or hasattr(builtins, name) or name in RESERVED:
        raise ValueError(
            "Argument `name` must be a Python identifier that starts with a letter, such as 'MyOptimizer', and is no "
            f"keyword, no name of Python's own and none of {', '.join(RESERVED)}, which the files need. "
            f"Received: {name!r}."
        )


def make_class_name(name: str) -> str:
    """Turns a name of the catalogue into the name of a class.

    Example:
      >>> from neural_optimizer_search.dsl.exports.names import make_class_name
      >>> make_class_name("powersign-cd"), make_class_name("rmsprop"), make_class_name("powersign-drop0.3")
      ('PowerSignCd', 'RMSProp', 'PowerSignDrop03')
    """
    spelled = {"powersign": "PowerSign", "addsign": "AddSign", "rmsprop": "RMSProp", "sgd": "SGD"}
    words = (re.sub(r"\W", "", word) for word in name.split("-"))
    return "".join(spelled.get(word) or _capitalize(word, spelled) for word in words)


def _capitalize(word, spelled):
    for known, name in spelled.items():
        if word.startswith(known):  # powersign2
            return name + word[len(known) :]
    return word[:1].upper() + word[1:]


def make_function_name(name: str) -> str:
    """Turns the name of a class into part of the name of a function.

    Example:
      >>> from neural_optimizer_search.dsl.exports.names import make_function_name
      >>> make_function_name("PowerSignCd"), make_function_name("RMSProp"), make_function_name("mine")
      ('power_sign_cd', 'rms_prop', 'mine')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
