"""The pytest plugin, and `nodecheck.parametrize`."""
