"""Mistakes in the lines between nodecheck and a layer."""
