"""Documents with known answers for what the engine understands of them."""
