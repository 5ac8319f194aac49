"""From a rule to its reward: the screen, the training of a child, the sweep of learning rates."""
