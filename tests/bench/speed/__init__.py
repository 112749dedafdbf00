"""What `make bench` measures; see `run.py` beside this folder."""
