"""A large SEG-Y file denoised: the memory, the share of time beside the network, and what a kill half-way leaves.

    python -m benchmarks.bench_apply                     500 MB, about a quarter of an hour on two cores
    python -m benchmarks.bench_apply --megabytes 50

This needs Linux. The file is made in a temporary folder, of traces of the generator with 1501 samples at 4 ms.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from baseML import BaseMLClass
from dataFiles import open_traces, write_traces
from dataPreProcessing import TraceProtocol
from evaluation.apply import apply, plan_for
from evaluation.blind import blind_traces
from run_DenoisingML_HPO_Paper import PROBLEM
from support.words import number_of

N_SAMPLES, DT = 1501, 0.004  # as a land line has them
BYTES_PER_TRACE = 240 + 4 * N_SAMPLES
DIFFERENT = 200  # traces, which are repeated


def make_file(path: Path, megabytes: int) -> int:
    """Write a SEG-Y file of about this size; returns its number of traces."""
    noisy, _ = blind_traces(PROBLEM, DIFFERENT, protocol=TraceProtocol(N_SAMPLES, DT))
    n_traces = round(megabytes * 1e6 / BYTES_PER_TRACE)
    write_traces(path, np.resize(noisy, (n_traces, N_SAMPLES)), DT)
    return n_traces


def measure(path: Path, output: Path) -> dict[str, float]:
    """Denoise a file in this process: seconds in all and in the network, and the peak of the memory in GB."""
    network, spent = BaseMLClass.from_pretrained("denoising_paper"), [0.0]
    plain = network.predict_result

    def timed(traces: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        made = plain(traces)
        spent[0] += time.perf_counter() - started
        return made

    network.predict_result = timed
    with open_traces(path) as file, tqdm(total=file.n_traces, unit="trace", dynamic_ncols=True) as bar:
        applied = apply(plan_for(network, file, None, False, "ft/s"), output, bar.update)
    # The system's own count, getrusage, begins with the memory of the process that started this one.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return {"seconds": applied.seconds, "network": spent[0], "gigabytes": int(peak[1]) * 1024 / 1e9}


def main() -> None:
    """Make the file, denoise it in one process, kill another one half-way, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--measure", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder, "line.sgy"), Path(folder, "denoised.sgy")
        n_traces = make_file(path, options.megabytes)
        command = [sys.executable, "-m", "benchmarks.bench_apply", "--measure", path, output]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        beside = 1 - found["network"] / found["seconds"]
        print(
            f"{path.stat().st_size / 1e6:.0f} MB, {number_of(n_traces, 'trace')}: {found['seconds']:.0f} s, "
            f"{1000 * found['seconds'] / n_traces:.1f} ms per trace; {100 * beside:.1f} % of it beside the network; "
            f"peak of the memory {found['gigabytes']:.2f} GB; size of the output {output.stat().st_size / 1e6:.0f} MB"
        )
        output.unlink()
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5 * found["seconds"])
        running = killed.poll() is None
        killed.kill()
        killed.wait()
        print(f"killed half-way (it was {'running' if running else 'finished'}): output there: {output.exists()}")


if __name__ == "__main__":
    main()
