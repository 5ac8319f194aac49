"""What the experiments read, a file for each kind of data; also made-up data of the same form."""
