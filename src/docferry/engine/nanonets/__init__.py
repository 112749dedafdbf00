"""The Nanonets dialect: its routes, its options, and the shapes of its answers."""
