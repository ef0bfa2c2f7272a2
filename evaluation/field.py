"""A report on field data, whose truth nobody knows: what a method removes, and whether that looks like signal.

    section -> network and classical methods -> what each removes: its energy, and its likeness between neighbours

Reflections are alike on neighbouring traces, and random noise is not. So what a good method removes has no correlation
between neighbours, and a method that removes reflections shows it. Arrays are (n_traces, n_samples), traces in the
order of the line. No number here is a signal-to-noise ratio, because that needs the truth.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import signal

from dataPreProcessing import TraceProtocol
from evaluation.baselines import DENOISING_BASELINES, INVERSION_BASELINES, fit_inversion_reference, ratio
from support.checks import unmasked
from traces.live import Live

LEFT_OUT = ("Noisy input",)  # a baseline that removes nothing
RIVAL = "Spectral Wiener"  # the best classical method on traces of the generator
INVERSION_RIVALS = ("Background alone", "Band-limited", "Sparse spikes")  # nothing, the simplest and the best
SLOPE_TRACES = 100  # generated traces that the inversions are fitted to
SPECTRUM_SEGMENT = 256  # samples
LITTLE = 0.005  # share of the energy that is not worth a comparison
ALIKE = 0.02  # differences of correlations, or of shares of energy, that count as none


class FieldRow(NamedTuple):
    """What a method makes of a section."""

    name: str
    kept: np.ndarray  # what the method gives, (n_traces, n_samples)
    energy: float  # share of the input's energy that it removes
    coherence: float  # correlation of what it removes between neighbouring traces


def neighbour_correlation(traces: np.ndarray) -> float:
    """Mean correlation coefficient of each trace with the next one; 0 where there are no two traces with a signal.

    It is near 0 for random noise, with a standard error of about 1 / sqrt(samples), and 1 for traces that are equal.

    >>> section = np.tile(np.sin(np.arange(100.0)), (5, 1))
    >>> round(neighbour_correlation(section), 6)
    1.0
    """
    centred = unmasked("traces", traces).astype(np.float64)
    centred = centred - centred.mean(axis=1, keepdims=True)
    largest = np.max(np.abs(centred), axis=1, keepdims=True)
    centred = ratio(centred, largest)  # Squares of tiny or huge amplitudes are no numbers.
    norm = np.linalg.norm(centred, axis=1)
    product = norm[:-1] * norm[1:]
    found = ratio(np.vecdot(centred[:-1], centred[1:]), product)[product > 0]
    return float(found.mean()) if found.size else 0.0


def mean_spectrum(traces: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (Hz) and the mean power of traces at them (Welch's method, segments of SPECTRUM_SEGMENT samples).

    >>> frequency, power = mean_spectrum(np.sin(2 * np.pi * 25 * np.arange(500) * 0.002)[None], 0.002)
    >>> round(float(frequency[power.argmax()]))
    25
    """
    segment = min(SPECTRUM_SEGMENT, np.shape(traces)[1])
    frequency, power = signal.welch(unmasked("traces", traces).astype(np.float64), 1 / dt, nperseg=segment, axis=1)
    return frequency, power.mean(axis=0)


def field_rows(traces: np.ndarray, live: Live, dt: float, network: str, restored: np.ndarray) -> list[FieldRow]:
    """What a network made of a section, ``restored``, and what the classical methods make of it.

    The classical methods get the traces without their level, and all methods leave dead traces and mutes alone.
    """
    alive = ~live.is_dead
    traces, restored, samples = traces[alive].astype(np.float64), restored[alive], live.samples[alive]
    level = live.level[alive, None]
    centred = np.where(samples, traces - level, 0.0)
    made = {network: np.where(samples, restored - level, 0.0)}
    for name, baseline in DENOISING_BASELINES.items():
        if not baseline.knows_answer and name not in LEFT_OUT:
            made[name] = np.where(samples, baseline.estimate(centred, dt), 0.0)
    total = np.sum(centred**2)
    return [
        FieldRow(name, kept, float(ratio(np.sum((centred - kept) ** 2), total)), neighbour_correlation(centred - kept))
        for name, kept in made.items()
    ]


def field_table(rows: Sequence[FieldRow]) -> list[list[str]]:
    """The rows as cells of text, headings first."""
    headings = ["Method", "Energy removed (%)", "Correlation of what was removed", "Correlation of what remains"]
    cells = [
        [row.name, f"{100 * row.energy:.1f}", f"{row.coherence:.3f}", f"{neighbour_correlation(row.kept):.3f}"]
        for row in rows
    ]
    return [headings, *cells]


def field_verdict(rows: Sequence[FieldRow]) -> str:
    """One sentence: the network beside RIVAL, by the two figures that need no truth."""
    network, rival = rows[0], next(row for row in rows if row.name == RIVAL)
    more, coherent = network.energy - rival.energy, abs(network.coherence) - abs(rival.coherence)
    figures = (
        f"{network.name} removes {100 * network.energy:.1f} % of the energy with a correlation of "
        f"{network.coherence:.3f} between neighbours, and {rival.name} {100 * rival.energy:.1f} % with "
        f"{rival.coherence:.3f}"
    )
    verdicts: Mapping[str, Callable[[], bool]] = {
        "neither takes away enough to matter": lambda: max(network.energy, rival.energy) < LITTLE,
        "they are about alike here": lambda: abs(more) <= ALIKE and abs(coherent) <= ALIKE,
        "the network takes away more, and no more of it looks like signal": lambda: more > 0 and coherent <= ALIKE,
        "the network takes away more, but more of it looks like signal": lambda: more > 0,
        "the network takes away less, and less of it looks like signal": lambda: coherent < -ALIKE,
        "the network takes away less, and no less of it looks like signal": lambda: True,
    }
    return f"{figures}: {next(words for words, is_true in verdicts.items() if is_true())}."


# --- Inversion with a background


class VelocityRow(NamedTuple):
    """What an inversion makes of a section whose velocity is known at low frequencies."""

    name: str
    velocity: np.ndarray  # (n_traces, n_samples), ft/s
    change: float  # RMS of what it adds to the background, ft/s
    coherence: float  # correlation of that between neighbouring traces
    likeness: float  # correlation of that with what the network adds


def velocity_rows(
    traces: np.ndarray, background: np.ndarray, dt: float, protocol: TraceProtocol, network: str, velocity: np.ndarray
) -> list[VelocityRow]:
    """What a network made of live traces with a background, and what INVERSION_RIVALS make of them that can run here.

    ``traces``, with the scale of the network's training, ``background`` and ``velocity``, in ft/s, are (n_traces,
    n_samples) at ``dt`` (s). The classical methods are fitted to traces of the ``protocol``, that of the network.
    """
    x = np.stack([traces, background], axis=-1)
    known = replace(fit_inversion_reference(0, protocol, SLOPE_TRACES), dt=dt)
    rivals = {name: INVERSION_BASELINES[name] for name in INVERSION_RIVALS if INVERSION_BASELINES[name].can_run}
    made = {network: velocity} | {name: rival.estimate(x, known) for name, rival in rivals.items()}
    ours = (velocity - background).ravel()

    def row(name: str, found: np.ndarray) -> VelocityRow:
        change = found - background
        likeness = neighbour_correlation(np.stack([change.ravel(), ours]))
        return VelocityRow(name, found, float(np.sqrt(np.mean(change**2))), neighbour_correlation(change), likeness)

    return [row(name, found) for name, found in made.items()]


def velocity_table(rows: Sequence[VelocityRow], unit: str, per_unit: float) -> list[list[str]]:
    """The rows as cells of text, headings first; velocities are in ``unit``, ``per_unit`` of which are 1 ft/s."""
    headings = ["Method", *(f"{words} ({unit})" for words in ("5 %", "Median", "95 %", "RMS change of the background"))]
    headings += ["Correlation of the change between neighbours", "Correlation with the network's change"]
    lines = []
    for row in rows:
        numbers = per_unit * np.array([*np.percentile(row.velocity, (5, 50, 95)), row.change])
        lines.append(
            [row.name, *(f"{number:.0f}" for number in numbers), f"{row.coherence:.3f}", f"{row.likeness:.3f}"]
        )
    return [headings, *lines]
