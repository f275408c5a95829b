"""Since when all has been well, as far as anybody asked."""

from datetime import datetime


class Wellness:
    """What /readyz and the health of the platform saw. since: None: it is not well now. A restart
    begins anew."""

    def __init__(self) -> None:
        self.since: datetime | None = None

    def saw(self, now: datetime, *, well: bool) -> None:
        """Somebody looked."""
        if not well:
            self.since = None
        elif self.since is None:
            self.since = now
