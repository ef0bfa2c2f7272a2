"""What a results tree holds, and the figures, tables and report of it."""
