"""Values that JSON may have where others are expected, and files of JSON that have them."""

import json

NAN = float("nan")
# As text, because no object gives some of them.
JUNK = {
    "null": "null",
    "true": "true",
    "minus one": "-1",
    "zero": "0",
    "a half": "0.5",
    "a large number": "1" + "0" * 30,
    "a number of 5000 digits": "9" * 5000,
    "a number with no end": "1e999",
    "NaN": "NaN",
    "an empty text": '""',
    "a text": '"no such thing"',
    "a long text": json.dumps("x" * 100_000),
    "lines": json.dumps("two\nlines"),
    "an escape": json.dumps("\x1b[2J\x1b]0;owned\x07"),
    "a NUL": json.dumps("a\0b"),
    "half a surrogate": '"\\ud800"',
    "an empty list": "[]",
    "an empty table": "{}",
    "a list": '[["g", "m", "identity", "identity", "add"], null]',
    "a table": '{"a": {"b": 1}}',
    "a deep list": "[" * 100_000 + "]" * 100_000,
    "a long list": "[" + "1," * 1_000_000 + "1]",
    "half of it": '{"a": [1, ',
    "nothing": "",
}
MARK = "the value stands here"


def with_junk(table, path, junk):
    """The JSON of a table with a value replaced, which is at this path of keys; junk is text."""
    table = json.loads(json.dumps(table))
    place = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = MARK
    return json.dumps(table).replace(json.dumps(MARK), junk)


def without(table, path):
    """The JSON of a table that lacks what is at this path."""
    table = json.loads(json.dumps(table))
    place = table
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return json.dumps(table)


def _rewrite(change):
    def damage(path, rng):
        path.write_text(change(json.loads(path.read_text())), "utf-8", "surrogateescape")

    return damage


FIELDS = {
    "candidates": ["candidates"],
    "config": ["config"],
    "a candidate": ["candidates", 1],
    **{f"a candidate's {name}": ["candidates", 1, name] for name in ("rank", "reward", "formula", "iterations")},
    "a candidate's iteration": ["candidates", 1, "iterations", 0],
    "a candidate's operand": ["candidates", 1, "iterations", 0, 0],
    **{
        f"config {name}": ["config", name]
        for name in (
            "task", "protocol", "seeds_per_rule", "data_dir", "workers", "executor", "ray_address", "timeout",
            "run", "top", "rungs", "keep"
        )
    },
}  # fmt: skip
PROMOTION = {
    **{f"all of it is {name}": _rewrite(lambda table, junk=junk: junk) for name, junk in JUNK.items()},
    **{
        f"{field} is {name}": _rewrite(lambda table, path=path, junk=junk: with_junk(table, path, junk))
        for field, path in FIELDS.items()
        for name, junk in JUNK.items()
        if sum(map(ord, field + name)) % 4 == 0  # a quarter of them
    },
    **{
        f"{field} is missing": _rewrite(lambda table, path=path: without(table, path))
        for field, path in FIELDS.items()
    },
    "another field": _rewrite(lambda table: json.dumps({**table, "other": 1})),
    "another flag": _rewrite(lambda table: json.dumps({**table, "config": {**table["config"], "other": 1}})),
    "a candidate more": _rewrite(lambda table: json.dumps({**table, "candidates": table["candidates"] * 2})),
    "a candidate twice": _rewrite(
        lambda table: json.dumps({**table, "candidates": [*table["candidates"][:3], table["candidates"][0]]})
    ),
    "a candidate fewer": _rewrite(lambda table: json.dumps({**table, "candidates": table["candidates"][:-1]})),
    "no candidate": _rewrite(lambda table: json.dumps({**table, "candidates": []})),
}
