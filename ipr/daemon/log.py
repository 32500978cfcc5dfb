"""The daemon's log: to stderr and, on request, to the notebook.

Knows levels and how a record looks. Must not know the machine, or how text
gets under a cell. Two rules: nothing goes to the notebook before the first
``%ipr debug``; and a record that is made while another is being shown goes to
stderr only, since a log record must never cause another.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from constantly import NamedConstant
from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    PredicateResult,
    formatEvent,
    formatTime,
    globalLogBeginner,
    globalLogPublisher,
)
from zope.interface import implementer

from ipr.daemon.kept import Kept

_LEVELS: dict[str, NamedConstant] = {
    "DEBUG": LogLevel.debug,
    "INFO": LogLevel.info,
    "WARNING": LogLevel.warn,
    "ERROR": LogLevel.error,
    "CRITICAL": LogLevel.critical,
}


class Log:
    """The one level of the daemon's log, and where it goes.

    :param write: takes a line for stderr.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._notebook: Callable[[str], None] | None = None
        self._showing = False
        self.level = "WARNING"
        #: Called when the level changes, with whether DEBUG is wanted.
        self.debugging_changed: Callable[[bool], None] = _nothing
        self._logger = Logger("ipr.exec")
        #: For a terminal: INFO and above, and what the level lets pass.
        self.kept = Kept()

    def begin(self) -> None:
        """Take over Twisted's log, stderr only."""
        globalLogBeginner.beginLoggingTo(
            [self.observer(), self.keeper()], redirectStandardIO=False
        )

    def join(self) -> None:
        """Add to the log that ``twistd`` set up: log to the notebook only.

        ``twistd`` has no levels, so our records are filtered on their way to it.
        Twisted has no public way to list the observers.
        """
        self._write = _nowhere
        for observer in tuple(getattr(globalLogPublisher, "_observers", ())):
            globalLogPublisher.removeObserver(observer)
            globalLogPublisher.addObserver(
                FilteringLogObserver(observer, [_Predicate(self._wanted_by_others)])
            )
        globalLogPublisher.addObserver(self.observer())
        globalLogPublisher.addObserver(self.keeper())

    def observer(self) -> ILogObserver:
        """Return the observer; it sees what passes the level's filter."""
        return FilteringLogObserver(
            _Observer(self._observe), [_Predicate(self._wanted)]
        )

    def keeper(self) -> ILogObserver:
        """Return what keeps the last records for a terminal."""

        def keep(event: LogEvent) -> None:
            self.kept.add(_text(event))

        return FilteringLogObserver(_Observer(keep), [_Predicate(self._worth_keeping)])

    def _worth_keeping(self, event: LogEvent) -> bool:
        level = event.get("log_level", LogLevel.info)
        ours = str(event.get("log_namespace", "")).startswith("ipr.")
        return self._wanted(event) or bool(ours and level >= LogLevel.info)

    def _wanted_by_others(self, event: LogEvent) -> bool:
        ours = str(event.get("log_namespace", "")).startswith("ipr.")
        return not ours or self._wanted(event)

    def _wanted(self, event: LogEvent) -> bool:
        return bool(event.get("log_level", LogLevel.info) >= _LEVELS[self.level])

    def warn(self, sentences: Sequence[str]) -> None:
        """Log what was found before there was a log."""
        for sentence in sentences:
            _log.warn("{sentence}", sentence=sentence)

    def set_level(self, level: str) -> None:
        """Set the level, by a name that :func:`ipr.boot.values.level` returns."""
        self.level = level
        self.debugging_changed(self.debugging)

    @property
    def debugging(self) -> bool:
        """Whether DEBUG records are wanted; asked before one is made."""
        return self.level == "DEBUG"

    def to_notebook(self, show: Callable[[str], None] | None) -> None:
        """Show records in the notebook too; None: no longer."""
        self._notebook = show

    def _observe(self, event: LogEvent) -> None:
        text = _text(event)
        self._write(text)
        if self._notebook is None or self._showing:
            return
        self._showing = True
        try:
            self._notebook(text)
        except Exception as error:
            self._write(f"cannot show the log in the notebook: {error!r}\n")
        finally:
            self._showing = False

    # For %ipr exec, as the earlier package documented it.

    def setLevel(self, level: int | str) -> None:
        """Do as ``logging.Logger.setLevel`` does."""
        if isinstance(level, int):
            level = logging.getLevelName(level)
        if level not in _LEVELS:
            raise ValueError(f"unknown log level {level!r}")
        self.set_level(level)

    def debug(self, text: str, **fields: object) -> None:
        """Log at this level, ``{fields}`` filled in."""
        self._logger.debug(text, **fields)

    def info(self, text: str, **fields: object) -> None:
        """Log at this level, ``{fields}`` filled in."""
        self._logger.info(text, **fields)

    def warning(self, text: str, **fields: object) -> None:
        """Log at this level, ``{fields}`` filled in."""
        self._logger.warn(text, **fields)

    def error(self, text: str, **fields: object) -> None:
        """Log at this level, ``{fields}`` filled in."""
        self._logger.error(text, **fields)


@implementer(ILogFilterPredicate)
class _Predicate:
    """One level for all; Twisted's own predicate keeps one by namespace."""

    def __init__(self, wanted: Callable[[LogEvent], bool]) -> None:
        self._wanted = wanted

    def __call__(self, event: LogEvent) -> NamedConstant:
        return PredicateResult.maybe if self._wanted(event) else PredicateResult.no


@implementer(ILogObserver)
class _Observer:
    def __init__(self, observe: Callable[[LogEvent], None]) -> None:
        self._observe = observe

    def __call__(self, event: LogEvent) -> None:
        self._observe(event)


def _text(event: LogEvent) -> str:
    """Format a record: time, level, system, text; a traceback if it has one."""
    level = event.get("log_level", LogLevel.info).name.upper()
    text = formatEvent(event) or str(event.get("log_format", ""))
    failure = event.get("log_failure")
    if failure is not None:
        text = f"{text}\n{failure.getTraceback()}"
    return f"{formatTime(event.get('log_time'))} ipr {level}: {text}\n"


def _nowhere(_text: str) -> None:
    pass


def _nothing(_debugging: bool) -> None:
    pass


def to_stderr(write: Callable[[bytes], None]) -> Log:
    """Make a log that writes through ``write``, which must not block."""
    return Log(lambda text: write(text.encode(errors="replace")))


_log = Logger()
