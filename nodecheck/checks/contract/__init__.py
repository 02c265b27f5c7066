"""Checks of what every autograd function owes to the code around it."""
