"""The sync's vocabulary of failure.  Each text is for the operator, says what to do, and holds no record's data."""


class TroubleError(Exception):
    """Salesforce did not do what was asked.  `wait_seconds`: how long to leave it alone, at least; 0: our own pace."""

    def __init__(self, text: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds


class AwayError(TroubleError):
    """No answer, or none but "later", after all tries."""


class SpentError(TroubleError):
    """Our budget of API calls, or the org's, is used up."""


class SignInError(TroubleError):
    """The org does not let us in, or the settings do not say how."""


class MalformedError(TroubleError):
    """An answer that is not what the interface promises; nothing of it was used."""


class RefusedError(TroubleError):
    """The org refuses this call; to repeat it would not help."""

    def __init__(self, text: str, *, code: str) -> None:
        super().__init__(text)
        self.code = code
        """Salesforce's own, such as INVALID_FIELD."""


class StoppedError(Exception):
    """Somebody ended the sync while it waited."""


class FencedError(Exception):
    """Another sync of this app id has started; this one must not write any more."""

    def __init__(self) -> None:
        super().__init__("another `touchline salesforce sync` of this app id has started; this one ends")
