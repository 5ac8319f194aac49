"""What the experiments read, a file for each kind of data, and made-up data of the same form."""
