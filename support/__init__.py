"""Knows neither traces nor Optuna: start-up of Keras, checks of arguments, files that are never torn, stopping."""
