"""How optimizers are compared: trials, how one is trained, what is kept of it, and what tables and pictures say."""
