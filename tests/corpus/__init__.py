"""Documents with known truth, made by us: the samples shipped in ``config/samples`` and the bench's corpus."""
