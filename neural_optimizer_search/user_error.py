"""The class of errors whose message is written for the user of a command."""


class UserError(ValueError):
    """Something that a user gave, such as a flag, a file or a model, is not as it must be.

    The message says all that is needed to correct it, so that a command shows it alone. Any other error is a fault of
    the program, and keeps its traceback.
    """
