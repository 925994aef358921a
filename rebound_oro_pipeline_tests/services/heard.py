"""A channel of alerts that keeps what it was told, and takes nothing while it is down."""

from dataclasses import dataclass, field


@dataclass
class Heard:
    """What was told, as title and body; `takes` is whether messages are taken, `tried` how many were offered."""

    told: list[tuple[str, str]] = field(default_factory=list)
    takes: bool = True
    tried: int = 0

    def send(self, title: str, body: str) -> bool:
        """Take a message, or not."""
        self.tried += 1
        if self.takes:
            self.told.append((title, body))
        return self.takes
