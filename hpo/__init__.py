"""Runs and reads studies: the only place that knows Optuna."""
