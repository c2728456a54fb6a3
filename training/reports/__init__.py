"""Pages that a person reads: of a training run, of a benchmark."""
