"""How good a prediction is: baselines, scores with intervals, comparison and verdict."""
