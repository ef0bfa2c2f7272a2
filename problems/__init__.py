"""Data and baselines of problems that the paper does not have, a module each."""
