"""The pictures that `dataPlotting` offers, by what they show."""
