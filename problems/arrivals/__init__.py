"""Phase arrivals at a network of stations: do they belong to one earthquake or not."""
