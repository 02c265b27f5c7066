"""Ways to use a layer under which its answer must not change."""
