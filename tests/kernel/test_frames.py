"""Frames: which are the user's, and which the kernel's own."""

from __future__ import annotations

from ipr.kernel import frames
from ipr.kernel.frames import Frame, Shown, Thread
from tests.case import Case

CELL = "/tmp/ipykernel_4711/1371447340.py"
LOOP = Frame("/lib/site-packages/ipykernel/kernelbase.py", 500, "run")
AWAIT = Frame("/lib/python3.13/asyncio/events.py", 89, "_run")


class UsersTests(Case):
    def test_frames_below_the_cell_are_left_out(self) -> None:
        cell = Frame(CELL, 3, "f")
        solve = Frame("/lib/site-packages/IPython/display.py", 9, "solve")
        thread = Thread("MainThread", True, (AWAIT, LOOP, cell, solve))
        shown = frames.users((thread,))
        self.assertEqual(shown.threads[0].frames, (cell, solve))
        self.assertEqual((shown.frames_left_out, shown.threads_left_out), (2, 0))

    def test_a_kernel_that_runs_no_cell_has_a_main_thread_without_frames(self) -> None:
        thread = Thread("MainThread", True, (LOOP, AWAIT))
        self.assertEqual(
            frames.users((thread,)),
            Shown((Thread("MainThread", True, ()),), frames_left_out=2),
        )

    def test_threads_of_the_kernel_are_left_out_and_those_of_a_cell_stay(self) -> None:
        bare = (Frame("/lib/python3.13/threading.py", 30, "run"), Frame(CELL, 9, "g"))
        mine = Thread("worker", False, bare)
        library = Thread("pool", False, (Frame("/lib/pool.py", 1, "wait"),))
        iopub = Thread("IOPub", False, (LOOP,))
        main = Thread("MainThread", True, (Frame(CELL, 1, "<module>"),))
        shown = frames.users((mine, iopub, library, main))
        names = [thread.name for thread in shown.threads]
        self.assertEqual(names, ["MainThread", "worker", "pool"])
        self.assertEqual(shown.threads[1].frames, bare[1:])
        self.assertEqual((shown.frames_left_out, shown.threads_left_out), (1, 1))

    def test_a_folder_that_is_only_called_alike_is_not_the_kernels(self) -> None:
        mine = Frame("/home/ann/my-ipykernel/model.py", 1, "fit")
        shown = frames.users((Thread("t", False, (mine,)),))
        self.assertEqual(shown.threads[0].frames, (mine,))


class CellTests(Case):
    def test_lines_and_number_of_the_running_cell_are_filled_in(self) -> None:
        earlier = Frame("/tmp/ipykernel_4711/99.py", 1, "g")
        main = Thread(
            "m", True, (LOOP, Frame(CELL, 2, "<module>"), earlier, Frame(CELL, 7, "f"))
        )
        other = Thread("w", False, (Frame(CELL, 1, "h"),))
        code = "def h(): ...\n  f()"
        found = frames.with_cell((main, other), code, 5)
        self.assertEqual(
            [(frame.cell, frame.text) for frame in found[0].frames],
            [("", ""), ("In[5]", "f()"), ("", ""), ("In[5]", "")],
        )
        self.assertEqual(found[1].frames[0].text, "def h(): ...")

    def test_nothing_is_filled_in_where_no_cell_runs(self) -> None:
        threads = (Thread("m", True, (LOOP,)), Thread("w", False, (AWAIT,)))
        self.assertEqual(frames.with_cell(threads, "", 0), threads)
        self.assertEqual(frames.with_cell((), "x", 1), ())

    def test_a_cell_without_a_number_has_lines(self) -> None:
        main = Thread("m", True, (Frame(CELL, 1, "<module>"),))
        (found,) = frames.with_cell((main,), "x = 1", 0)
        self.assertEqual((found.frames[0].cell, found.frames[0].text), ("", "x = 1"))
