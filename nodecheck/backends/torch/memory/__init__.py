"""Instruments that count what a PyTorch layer holds."""
