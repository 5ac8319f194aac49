"""The algorithms that train the controller, a file each.

An algorithm is a frozen dataclass of its own settings with

  epochs: how often `train` is called with the same batch;
  agent(time_step_spec, action_spec, actor, baseline, entropy): a `TFAgent` over the given networks.

The agent's `train(experience, weights)` is given whole episodes, `[batch, 5n+1]`, of which the last frame is the
boundary, and a weight for each, `[batch]`. It takes A = R - b for the advantage of every token of an episode, where R
is what the episode paid and b is `baseline.baseline`. Its `LossInfo.extra` is a dict of scalars to show.
"""
