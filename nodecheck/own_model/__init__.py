"""The gradient of a user's own model: its error, the causes of it, and what it costs to make it right."""
