"""Parts of the generator that `dataGeneration` puts together: wavelets, noise, gaps, checks."""
