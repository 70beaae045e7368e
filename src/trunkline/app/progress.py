"""Progress bars for people who watch a long command."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Tell = Callable[[int, int], None]
"""Takes how many are done, of how many."""


@contextmanager
def progress_bars(console: Console) -> Iterator[Callable[[str], Tell]]:
    """`bar("Payments")` gives a bar its callback. Nothing is shown before the first figure: an
    error before it stands alone."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    progress = Progress(*columns, TimeElapsedColumn(), console=console)
    with ExitStack() as shown:

        def bar(title: str) -> Tell:
            task = progress.add_task(title, total=None, visible=False)

            def tell(done: int, total: int) -> None:
                if not progress.live.is_started:
                    shown.enter_context(progress)
                progress.update(task, completed=done, total=total, visible=True)

            return tell

        yield bar
