"""Scripts that show a failure without nodecheck: written, reduced, and run before they are handed out."""
