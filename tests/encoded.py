"""What a traced function that is given a rule takes."""

import tensorflow as tf

from neural_optimizer_search import Rule
from neural_optimizer_search.dsl.encoding import EncodedRule, encode

ENCODED = EncodedRule(
    *(
        tf.TensorSpec([None, *array.shape[1:]], array.dtype)
        for array in encode(Rule([("g", "g", "identity", "identity", "left")]))
    )
)
