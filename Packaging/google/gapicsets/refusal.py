"""The one error that a person is meant to read: what is wrong and what to do, in plain words."""


class Refusal(Exception):
    """What the tool cannot do; its text is all that is printed."""
