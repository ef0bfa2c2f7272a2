"""All that decides the result of a run, and the presets."""

from dataclasses import dataclass, fields

MODES = {  # names as published
    "optuna": "a search",
    "optuna_resume": "going on with a study, the newest one when no --study-name is given",
    "manual": "the grid, one parameter at a time",
    "final_model": "the best configurations, trained again and again",
    "model_update": "going on with the training of a saved network",
}
PRESETS = ("quick", "paper", "extended")
SAMPLERS = ("tpe", "random", "gp", "qmc", "cmaes")
PRUNERS = ("none", "median", "hyperband")
VALIDATION_SHARE = 0.3  # validation traces for each training trace: 75 for the paper's 250
MOST_TRIALS, MOST_EPOCHS, MOST_TRACES, MOST_WORKERS = 100_000, 1_000_000, 10_000_000, 1000


@dataclass(frozen=True)
class RunSettings:
    """All that decides the result of a study; the defaults are the paper's."""

    preset: str
    n_trials: int  # trials in the study, whenever they ran
    num_epochs: int = 30  # of a trial
    num_datasets: int = 250  # training traces an epoch
    n_samples: int = 4096  # of a trace, at 1 ms
    batch_size: int = 1  # traces
    scaling_flag: bool = False  # velocities scaled to [0, 1] for the network
    noisy_data: bool = False  # inversion from noisy traces with a gap
    transform: str = "NA"  # what the network gets of a trace: itself, or its CWT, DWT or SWT
    snr_db: list[float] | None = None  # lowest and highest noise level; None is the paper's, always 4.8 dB
    validation: str = "streaming"  # fresh validation traces every epoch; "fixed": the same for the whole study
    precision: str = "float32"  # of the networks' arithmetic
    seed: int = 0  # of every draw and the sampler
    sampler: str = "tpe"
    pruner: str = "none"
    enqueue_base: bool = False  # trial 0 is the base configuration: the grid's, in the extended preset its own
    one_by_one: bool = False  # the loss is that of each trace, so that studies of several batch sizes compare them
    budget: str | None = None  # all trials together: "780epochs", "90min"

    @property
    def n_validation(self) -> int:
        """Validation traces an epoch."""
        return max(1, round(VALIDATION_SHARE * self.num_datasets))


DEFAULTS = {field.name: field.default for field in fields(RunSettings)}
QUICK_SETTINGS = {
    "n_trials": 12,  # enough for a search to be seen, few enough for a coffee break
    "num_epochs": 6,
    "num_datasets": 200,
    "n_samples": 1024,  # a quarter of the work of a step
    "batch_size": 4,  # fewer, larger steps: at this length a step is mostly overhead
    "validation": "fixed",  # so few traces, fresh every epoch, would make a low loss a matter of luck
}
EXTENDED_SETTINGS = {
    "n_trials": 100,  # the budget ends the search before
    "num_epochs": 20,
    "validation": "fixed",
    "pruner": "median",
    "enqueue_base": True,
    "one_by_one": True,
}
PRESET_SETTINGS = {"quick": QUICK_SETTINGS, "paper": {}, "extended": EXTENDED_SETTINGS}
FINAL_SETTINGS = {  # of mode final_model: n_trials are the repeats of each configuration
    "quick": {"n_trials": 3},
    "paper": {"n_trials": 25, "num_epochs": 100},
    "extended": {"n_trials": 1, "num_epochs": 100},
}
