"""nodecheck tells whether a Neural ODE layer is right."""
