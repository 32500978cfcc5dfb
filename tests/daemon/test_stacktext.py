"""What %ipr stack shows, of what was found."""

from __future__ import annotations

from ipr.daemon.stack import Stack
from ipr.daemon.stacktext import (
    MOST_FRAMES,
    MOST_PROCESSES,
    MOST_THREADS,
    WIDTH,
    as_html,
    as_text,
)
from ipr.kernel.atwork import Process
from ipr.kernel.frames import Frame, Shown, Thread
from tests.case import Case

KERNEL = Process(4711, "python -m ipykernel_launcher -f x.json", "sleeping", 0.02)
CELL = Frame("/tmp/ipykernel_1/2.py", 3, "<module>", "In[5]", "fit(x < y)")
FIT = Frame("/lib/fit.py", 812, "fit")


def shown(*threads: Thread) -> Stack:
    return Stack("", (KERNEL,), Shown(threads, 21, 7), "by py-spy")


class TextTests(Case):
    def test_kernel_comes_first_then_its_calls_then_how_that_is_known(self) -> None:
        worker = Process(4720, "python -c worker", "waiting for the disk", 0.97)
        main = Thread("MainThread", True, (CELL, FIT), "has the GIL")
        found = Shown((main,), 21, 7)
        stack = Stack("", (KERNEL, worker), found, "by py-spy", ("Why.",))
        self.assertEqual(
            as_text(stack).splitlines(),
            [
                "     PID    CPU  DOES      COMMAND",
                "    4711    2 %  sleeping  python -m ipykernel_launcher -f x.json",
                "    4720   97 %  running   python -c worker",
                "",
                "main thread, has the GIL",
                "  cell In[5], line 3",
                "    fit(x < y)",
                "  /lib/fit.py, line 812, in fit",
                "",
                "Why.",
                "left out: 21 frames and 7 threads of the kernel itself",
                "found by py-spy",
            ],
        )

    def test_page_has_the_same_lines_and_no_markup_of_a_cells(self) -> None:
        page = as_html(shown(Thread("MainThread", True, (CELL,))))
        self.assertIn("fit(x &lt; y)", page)
        self.assertEqual(page.count("<pre>"), 1)

    def test_what_there_is_nothing_of_is_one_sentence(self) -> None:
        self.assertEqual(as_text(Stack("no kernel")), "no kernel")
        self.assertEqual(as_html(Stack("no kernel")), "<pre>no kernel</pre>")

    def test_no_line_is_longer_than_a_terminal_is_wide(self) -> None:
        long = "x" * 300
        deep = Frame(f"/lib/{long}/module.py", 7, long, "", long)
        kernel = Process(1, long, long[:40], 0.0)
        why = ("word " * 60,)
        threads = Shown((Thread(long, False, (deep,)),))
        text = as_text(Stack("", (kernel,), threads, "by py-spy", why))
        self.assertEqual([x for x in text.splitlines() if len(x) > WIDTH], [])
        # Of a path that is too long, its end is what tells.
        self.assertIn("/module.py, line 7, in xxx", text)

    def test_what_a_name_holds_does_nothing_to_a_terminal(self) -> None:
        thread = Thread("\x1b[2J\n", False, (Frame("a\x1bb", 1, "f\n"),))
        text = as_text(shown(thread))
        self.assertEqual(text.count("\x1b"), 0)
        self.assertIn("  a b, line 1, in f", text)

    def test_threads_that_do_the_same_are_told_once(self) -> None:
        alike = [Thread(f"worker {n}", False, (FIT,)) for n in range(3)]
        text = as_text(shown(Thread("MainThread", True, ()), *alike))
        self.assertIn("thread worker 0 and 2 more that do the same", text)
        self.assertIn("main thread\n  runs no cell", text)

    def test_long_lists_are_cut_and_say_so(self) -> None:
        calls = tuple(Frame("/lib/r.py", n, "r") for n in range(1, MOST_FRAMES + 10))
        threads = [
            Thread(f"t{n}", False, (Frame("/a", n, "g"),)) for n in range(MOST_THREADS)
        ]
        main = Thread("MainThread", True, calls)
        others = [Process(n, "sleep 9", "sleeping", 0.0) for n in range(MOST_PROCESSES)]
        found = Shown((main, *threads))
        text = as_text(Stack("", (KERNEL, *others), found, "by py-spy"))
        self.assertIn("and 9 calls in between", text)
        self.assertIn("/lib/r.py, line 1, in r\n", text)
        self.assertIn(f"line {MOST_FRAMES + 9}, in r", text)
        self.assertEqual(text.count("line 10, in r"), 0)
        self.assertIn("and 1 more threads", text)
        self.assertIn("and 1 more processes of the kernel", text)
