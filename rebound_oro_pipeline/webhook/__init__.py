"""The receiver of webhooks: checks who sends, stores the raw body, and only then answers 202 (docs/webhooks.md)."""
