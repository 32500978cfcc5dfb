"""The session that a waiting kernel has opened in IPython's history: taken back.

Knows IPython's history database, and the program that a kernel runs to keep out of it
until its first cell. Must not know when that is run, nor what else a kernel is asked.

An IPython kernel opens a session at its start, and ``%history ~1/`` means the one
before its own, by number. A kernel that is started in advance and thrown away would
leave an empty one there. So it takes its own back when it is ready, and the number with
it, and opens one when it runs its first cell. It does so itself, through its own
connection.

Pure: it asks nothing of the system itself.
"""

from __future__ import annotations

# For any IPython; ``shell`` is the kernel's. What anything else has been written for is
# left alone, and so is a database that somebody is writing to right now. SQLite counts
# on from the largest number ever (AUTOINCREMENT); that is ours unless another kernel
# has been started since.
PROGRAM = r"""
def take_back(shell, milliseconds=200):
    import sqlite3
    past = shell.history_manager
    if not past.enabled or not isinstance(past.db, sqlite3.Connection):
        return
    db, number = past.db, past.session_number
    (before,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = %d" % milliseconds)
    try:
        with db:
            taken = db.execute(
                "DELETE FROM sessions WHERE session = ? AND num_cmds IS NULL"
                " AND NOT EXISTS (SELECT 1 FROM history WHERE session = ?)"
                " AND NOT EXISTS (SELECT 1 FROM output_history WHERE session = ?)",
                (number, number, number),
            ).rowcount
            db.execute(
                "UPDATE sqlite_sequence SET seq = seq - ?"
                " WHERE name = 'sessions' AND seq = ?",
                (taken, number),
            )
    finally:
        db.execute("PRAGMA busy_timeout = %d" % before)
    if not taken:
        return
    def open_again():
        try:
            shell.events.unregister("pre_execute", open_again)
        except ValueError:
            return  # a cell of a subshell was quicker
        try:
            past.new_session()
        except Exception:
            past.enabled = False  # as where IPython cannot open one at its start
    shell.events.register("pre_execute", open_again)
try:
    take_back(shell)
except Exception:
    pass
"""
