"""Training with RLlib: the only folder that imports ray. The rest of training uses ``trainer.Trainer``."""
