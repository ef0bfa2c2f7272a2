"""Broadband motion: the level of the stochastic records beside a published ground-motion model of real ones."""

import numpy as np
import pytest

from problems.broadband.parts import log_psa
from problems.broadband.source import make_records

PERIODS = np.array([0.0, 0.1, 0.2, 0.5, 1.0, 2.0])  # s
GRAVITY = 980.665  # cm/s^2
ROCK_VELOCITY = 620.0  # m/s, of the generic rock of the records
DEPTH = 4.5  # km, of the point in the model (Boore, Stewart, Seyhan and Atkinson, 2014)


def expected_ln_psa(model, magnitude, distance):
    """ln PSA in g at PERIODS that the model expects of one earthquake, (6,)."""
    surface = float(np.sqrt(distance**2 - DEPTH**2))
    scenario = model.Scenario(mag=magnitude, dist_jb=surface, v_s30=ROCK_VELOCITY, mechanism="U", region="global")
    found = model.BooreStewartSeyhanAtkinson2014(scenario)
    return np.log([found.pga, *found.interp_spec_accels(PERIODS[1:])])


def test_the_records_have_about_the_level_of_real_ones():
    model = pytest.importorskip("pygmm", reason="pip install -r requirements-tests.txt brings pygmm")
    made = make_records(np.random.default_rng(1), 300)
    large = made.sources.magnitude >= 4.5
    sources = made.sources.take(large)
    expected = [expected_ln_psa(model, *one) for one in zip(sources.magnitude, sources.distance, strict=True)]
    residuals = log_psa(made.acceleration[large], PERIODS) * np.log(10) - np.log(GRAVITY) - expected
    mean, deviation = residuals.mean(axis=0), residuals.std(axis=0)
    assert ((mean > -0.5) & (mean < 0.6)).all(), mean
    assert ((deviation > 0.3) & (deviation < 1.0)).all(), deviation
