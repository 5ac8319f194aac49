"""The measurements of a tuning on disk: an Optuna study in SQLite, which Optuna's own tools can also read.

A trial is written atomically when it is over, so that no trial is ever left in the state "running".
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

import optuna
import sqlalchemy
from optuna.trial import FrozenTrial

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.file_lock import FileLock
from neural_optimizer_search.files import Damaged, require_own, write_whole
from neural_optimizer_search.measuring.evaluation import is_number, is_reward
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.origin import find_origin
from neural_optimizer_search.records import sqlite_files
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.study import quiet_optuna
from neural_optimizer_search.versions import find_versions

NAME = "nos-tune"  # name of the study in the file
_FRESH = "fresh"  # a key is "fresh TRIAL SEED"
_KNOWN, _SCALE = "known setting", "scale"


def create(path: Path, config: Mapping[str, Any], rule: Rule, known: Optional[Setting] = None) -> None:
    """Creates the file of a new tuning atomically.

    Args:
      path: The file, in a directory that exists.
      config: The flags that are recorded.
      rule: The rule that is tuned.
      known: The known setting of the rule; None without one.

    Raises:
      FileExistsError: If the file exists.
      OSError, sqlite3.Error: If it cannot be written.
    """
    quiet_optuna()
    about = dict(
        config=dict(config), origin=find_origin(path.parent), rule=rule.to_json(), versions=[find_versions()]
    )
    if known is not None:
        about[_KNOWN] = dict(rate=known.learning_rate, schedule=str(known.schedule), weight_decay=known.weight_decay)

    def write(unfinished):
        with _plain_errors(path):
            storage = _open_storage(unfinished)  # its journal is gone when the file is complete
            try:
                study = optuna.create_study(storage=storage, study_name=NAME, direction="maximize")
                for key, value in about.items():
                    study.set_user_attr(key, value)
            finally:
                _close_storage(storage)
                for ending in sqlite_files.JOURNALS:  # a full disk leaves some behind
                    unfinished.with_name(f"{unfinished.name}{ending}").unlink(missing_ok=True)

    write_whole(path, write, replace=False)


class StudyFile:
    """The file of a tuning, locked until it is closed: a `Memory` and the tuning's configuration.

    Args:
      path: The file.

    Attributes:
      config: The flags that were recorded.
      origin: The user, the machine and the place that created it.
      rule: The rule that is tuned.
      known: The known `Setting` of the rule; None without one.
      versions: The software versions that the tuning used, one dict for each change.
      trials, fresh, scale: See `Memory`.

    Raises:
      InUse: If another process holds it.
      FileNotFoundError, OSError, sqlite3.Error: If it cannot be opened.
      Damaged: If it is incomplete, or not the file of a tuning.
    """

    def __init__(self, path: Path):
        self._path = path
        require_own(path)
        self._lock = FileLock(path)
        self._storage = None
        quiet_optuna()
        try:
            _require_study(path)
            _write_ahead(path)
            with _plain_errors(path), _foreign_rows(path):
                self._storage = _open_storage(path)
                self._study = optuna.load_study(storage=self._storage, study_name=NAME)
                self.trials = self._study.get_trials(deepcopy=False)
                about = self._study.user_attrs
            self._read(about)
        except BaseException:
            self.close()
            raise

    def _read(self, about):
        try:
            self.config, self.origin, self.rule = about["config"], about["origin"], Rule.from_json(about["rule"])
            self.known, self.scale = _read_known(about, self.rule), None
            if _SCALE in about:
                self.scale = _require_positive(about[_SCALE])
            self.versions = _read_versions(about["versions"])
            self._fingerprint = Fingerprint.from_dict(about["fingerprint"]) if "fingerprint" in about else None
            self.fresh = {
                (int(number), int(seed)): float(about[key])
                for key in about
                if key.startswith(f"{_FRESH} ")
                for _, number, seed in [key.split()]
            }
        except KeyError as error:
            raise Damaged(f"{self._path} is damaged: it has no {error!s:.200}.") from error
        except (TypeError, ValueError) as error:
            raise Damaged(
                f"{self._path} is damaged: what it records of the tuning is wrong: {error!s:.200}"
            ) from error
        if wrong := [value for value in self.fresh.values() if not is_reward(value)]:
            raise Damaged(f"{self._path} is damaged: rewards must be from 0 to 1. Received: {wrong[0]}.")
        if self.known is not None and self.scale is None and self.trials:
            raise Damaged(f"{self._path} is damaged: it has trials, but not the scale of the rule's updates.")

    @property
    def fingerprint(self) -> Optional[Fingerprint]:
        """The fingerprint of the user's own task; None for a shipped task, or if none was recorded."""
        return self._fingerprint

    def set_fingerprint(self, fingerprint: Fingerprint, change: str = "") -> None:
        """Records the user's own task that the trials belong to."""
        self._set("fingerprint", fingerprint.as_dict())
        self._fingerprint = fingerprint

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Records the configuration with which the tuning continues here."""
        self._set("config", dict(config))
        self._set("origin", find_origin(self._path.parent))

    def add_versions(self, versions: Mapping[str, str]) -> None:
        """Records the software versions that the tuning uses from now on, by name."""
        if self.versions[-1] != versions:
            self._set("versions", [*self.versions, dict(versions)])
            self.versions.append(dict(versions))

    def set_scale(self, scale: float) -> None:
        """Sets the scale of the rule's updates."""
        self._set(_SCALE, scale)
        self.scale = scale

    def add_trial(self, trial: FrozenTrial) -> None:
        """Adds a trial."""
        with self._writing():
            self._study.add_trial(trial)
        self.trials.append(trial)

    def add_fresh(self, number: int, seed: int, value: float) -> None:
        """Adds the reward of a trial's setting with a fresh seed."""
        self._set(f"{_FRESH} {number} {seed}", value)
        self.fresh[number, seed] = value

    def require_in_place(self) -> None:
        """Raises `Moved` if the file is not where it was opened."""
        self._lock.require_in_place()

    def close(self) -> None:
        """Releases the file."""
        if self._storage is not None:
            _close_storage(self._storage)
            self._storage = None
        self._lock.close()

    def _set(self, key, value):
        with self._writing():
            self._study.set_user_attr(key, value)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self.require_in_place()
        with _plain_errors(self._path):
            yield


def _read_known(about, rule):
    if _KNOWN not in about:
        return None
    rate, schedule, decay = (about[_KNOWN][name] for name in ("rate", "schedule", "weight_decay"))
    if not is_number(decay) or decay < 0.0:
        raise ValueError(f"a weight decay must be at least 0. Received: {decay!r:.40}.")
    return Setting(rule, _require_positive(rate), parse_schedule(schedule), decay)


def _read_versions(recorded):
    tables = [recorded] if isinstance(recorded, dict) else recorded  # the first tunings had a single one
    is_list = isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)
    if not is_list or not all(isinstance(version, str) for table in tables for version in table.values()):
        raise ValueError(f"its versions must be tables of names and texts. Received: {recorded!r:.40}.")
    return list(tables)


def _require_positive(value):
    if not is_number(value) or value <= 0.0:
        raise ValueError(f"a rate or a scale must be above 0. Received: {value!r:.40}.")
    return value


def _open_storage(path):
    url = sqlalchemy.URL.create("sqlite", database=str(path.absolute()))
    return optuna.storages.RDBStorage(url.render_as_string(hide_password=False))


def _write_ahead(path):
    """Gives the file a write-ahead log, so that a trial waits for the disk only once."""
    with contextlib.closing(sqlite_files.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")


def _close_storage(storage):
    storage.remove_session()
    storage.engine.dispose()


def _require_study(path):
    """Checks that the file has a study's tables and no triggers: Optuna adds tables to any file and runs triggers."""
    with contextlib.closing(sqlite_files.connect(path)) as db:
        schema = sqlite_files.read_schema(db)
    kinds, names = {kind for kind, *_ in schema}, {name for _, name, *_ in schema}
    if not {"studies", "trials", "alembic_version"} <= names or not kinds <= {"table", "index"}:
        raise Damaged(f"{path} is not a study of nos-tune.")


@contextlib.contextmanager
def _plain_errors(path) -> Iterator[None]:
    """Turns errors of a database into SQLite's own errors, or into `Damaged` for a damaged file."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = error if isinstance(error, sqlalchemy.exc.SQLAlchemyError) else error.__cause__
        said = getattr(cause, "orig", None)
        if isinstance(said, sqlite3.OperationalError):
            raise said from error
        raise Damaged(f"{path} is damaged: {said or cause}.") from error


@contextlib.contextmanager
def _foreign_rows(path) -> Iterator[None]:
    """Turns what Optuna raises when it reads rows that it did not write into `Damaged`."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError):
        raise  # a RuntimeError or a LookupError too, but about the database
    except (LookupError, ValueError, RuntimeError, AssertionError) as error:
        raise Damaged(
            f"{path} is damaged, or of another version of Optuna: {str(error) or type(error).__name__:.200}"
        ) from error
