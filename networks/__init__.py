"""The networks that `baseML` trains: rows, layers, callbacks, files."""
