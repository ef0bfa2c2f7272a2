"""A further wavelet is one function and one row: nothing that a seed gives today changes, and its own data work."""

import hashlib
import json
import shutil
from pathlib import Path

import forked
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
FUNCTION = '''
def gabor(t, frequency):
    """exp(-(pi f t)^2) cos(2 pi f t), the Gabor wavelet."""
    return np.exp(-((np.pi * frequency * t) ** 2)) * np.cos(2 * np.pi * frequency * t)


class Wavelet(NamedTuple):'''
ROW = 'WAVELETS = {\n    "GW": Wavelet("gabor", ((20, 40),), gabor),'
ITS_DRAWS = """
import json
sys.path.insert(0, os.path.join(os.getcwd(), "tests"))
import test_new_wavelet as t
print(json.dumps([t.draws(), t.draws(*t.FURTHER)]))
t.its_own(sys.argv[1])
"""
TODAY = ["LITHOLOGY", "REFL", "CONV_REFL_CLEAN", "CONV_REFL_NOISY", "CONV_REFL_GAPS"]
TODAY += ["VEL", "VEL_GAPS", "DENS", "DENS_GAPS", "IMP", "IMP_GAPS"]
TODAY += [f"REFL_{code}{version}" for code in ("RW", "KW", "OW") for version in ("", "_NOISE", "_GAPS")]
FURTHER = ("REFL_GW", "REFL_GW_NOISE", "REFL_GW_GAPS")


def draws(*further):
    """Hashes of what seeds give: two blocks, a stream, a data set, one generator that is used again and again."""
    import dataGeneration as dg
    from dataPreProcessing import CustomDataGen

    found = {}

    def add(name, array):
        found[name] = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()

    for number in range(2):
        rng = dg.stream_generator(3, "training", 1, number)
        block = dg.generate_block(rng, 70, [*TODAY, *further], n_samples=4096)  # more than one pass
        for name in TODAY:
            add(f"block {number}, {name}", block[name])
    for gen_type in ("DeNoise", "ML_VEL"):
        stream = CustomDataGen(60, 120, gen_type, noisy_data=True, n_samples=64)
        for index in range(2):
            for part, values in zip("xy", stream[index], strict=True):
                add(f"{gen_type}, batch {index}, {part}", values)
    data_set = dg.DataGenerationClass(variable_dt=True, variable_data_length=True, n_traces=4, seed=5)
    for number, block in enumerate(data_set.generate_dataset()):
        for name in {*TODAY, "TIME", "DT", "WAVELET"} & set(block):
            add(f"set, trace {number}, {name}", block[name])
    rng = np.random.default_rng(2)
    for wavelet in ("ricker", "klauder", "ormsby"):
        add(wavelet, dg.wavelet_convolution(np.eye(2, 60), wavelet=wavelet, seed=rng)[0])
    add("spawned", rng.spawn(1)[0].random(3))
    return found


def its_own(folder):
    """Fails unless the data of the further wavelet are made, saved, served and can be tested."""
    import dataGeneration as dg
    from dataPreProcessing import CustomDataGen
    from traces.variants import VARIANTS
    from traces.protocol import TraceProtocol

    assert VARIANTS["wavelet"]["gabor"].protocol(TraceProtocol()).wavelet == "GW"
    block = dg.generate_block(dg.stream_generator(0, "blind"), 3, [*FURTHER, "REFL"], n_samples=800)
    spike = dg.convolve(block["REFL"], np.ones((3, 1)))
    assert np.abs(block["REFL_GW"]).max() > 0.1 and not np.allclose(block["REFL_GW"], spike)
    alone = dg.generate_block(dg.stream_generator(0, "blind"), 3, ["REFL_GW_NOISE"], n_samples=800)
    assert np.array_equal(alone["REFL_GW_NOISE"], block["REFL_GW_NOISE"])
    noise = block["REFL_GW_NOISE"] - block["REFL_GW"]
    assert abs(noise.std() / block["REFL_GW"].std() - 0.577) < 0.05
    _, wavelets = dg.wavelet_convolution(np.eye(20, 60), wavelet="gabor", seed=0)
    assert np.allclose(wavelets[:, 256], 1) and len(np.unique(wavelets[:, 250])) == 20
    data_set = dg.DataGenerationClass(constant_data_length=50, seed=0, path_to_save=folder)
    data_set.generate_dataset()
    assert set(FURTHER) <= {path.parent.name for path in data_set.save_generated_data()}
    stream = CustomDataGen(3, 3, stream="blind", n_samples=800, wavelet="GW")
    x, y = stream[0]
    assert np.array_equal(x[..., 0], block["REFL_GW_NOISE"]) and np.array_equal(y[..., 0], block["REFL_GW"])


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository with a fourth wavelet, in a folder of its own."""
    folder = tmp_path_factory.mktemp("copy") / "repository"
    ignored = shutil.ignore_patterns("*.png", "*.keras", "__pycache__", ".*")
    packages = [path.parent.name for path in ROOT.glob("*/__init__.py")]
    for name in [*packages, "tests"]:
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path in ROOT.glob("*.py"):
        shutil.copy(path, folder)
    path = folder / "traces" / "wavelets.py"
    text = path.read_text(encoding="utf-8")
    table, _, rest = text.partition("WAVELETS = {")
    text = table.replace("\nclass Wavelet(NamedTuple):", FUNCTION) + ROW + rest
    path.write_text(text, encoding="utf-8")
    return folder


def test_a_further_wavelet_changes_no_draw_and_its_data_are_made_saved_served_and_tested(copy, tmp_path):
    script = copy / "with_a_further_wavelet.py"
    script.write_text(forked.IN_A_COPY + ITS_DRAWS, encoding="utf-8")
    done = forked.run_script(script, tmp_path, folder=tmp_path)
    assert done.status == 0, done.errors
    today = draws()
    assert json.loads(done.printed.splitlines()[0]) == [today, today]
