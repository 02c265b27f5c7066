"""Memory of a layer against its number of steps."""
