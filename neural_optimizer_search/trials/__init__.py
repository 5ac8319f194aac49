"""Settings of one rule, tried one after the other: constants, rate, schedule, weight decay."""
