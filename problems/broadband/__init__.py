"""Broadband ground motion from a low-frequency simulation: what lies above its highest frequency."""
