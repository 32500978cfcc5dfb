"""What ``module load`` changes, and nothing else that a login shell does."""

from __future__ import annotations

import os
import subprocess

from ipr.kernel.envmodules import difference, login_shell, told
from tests.case import Case

# As a site has it: a new PATH, and a greeting. Two versions of a tool, which come to
# the front of PATH; one goes when the other comes.
PROFILE = r"""
echo welcome
export PATH=/usr/local/bin:/usr/bin:/bin
export SITE=yes
module() {
    [ "$1" = load ] || return 1
    case $2 in
        swap) PATH=$(printf %s "$PATH" | sed 's|/opt/tool-1/bin:||')
              export LOADEDMODULES=swap;;
        gone) unset OLD; export LOADEDMODULES=gone;;
        *) export PATH=/opt/$2/bin:$PATH MANPATH=/opt/$2/man:$MANPATH
           export LOADEDMODULES=${LOADEDMODULES:+$LOADEDMODULES:}$2
           export TOOL="two
lines";;
    esac
}
"""


class DifferenceTests(Case):
    def test_lists_keep_what_we_had(self) -> None:
        """What came stands where it was put; what we had stays."""
        for old, new, mine, made in (
            ("/bin", "/t:/bin", "/env:/bin", "/t:/env:/bin"),
            ("/bin", "/bin:/t", "/env:/bin", "/env:/bin:/t"),
            ("/a:/bin", "/bin", "/env:/a:/bin", "/env:/bin"),
            (None, "/t:/u", "/env", "/t:/u:/env"),
            ("/bin", "/t:/bin", "/env:/t:/bin", "/t:/env:/bin"),
        ):
            before = {} if old is None else {"P": old}
            self.assertEqual(difference(before, {"P": new}, {"P": mine}), {"P": made})

    def test_plain_values_are_taken_as_they_are(self) -> None:
        """Those that are no lists are taken as they are."""
        self.assertEqual(
            difference(
                {"SAME": "1", "GONE": "1", "SHLVL": "1", "NEW": "a"},
                {"SAME": "1", "SHLVL": "2", "NEW": "b", "MORE": "x:y"},
                {"GONE": "2", "NEW": "c", "OTHER": "1"},
            ),
            {"GONE": None, "NEW": "b", "MORE": "x:y"},
        )

    def test_counts_of_the_modules_are_no_paths(self) -> None:
        """The counts that the modules keep are no places."""
        for name in ("PATH_modshare", "__LMOD_REF_COUNT_PATH", "__MODULES_LMTAG"):
            self.assertEqual(
                difference({name: "/a:1"}, {name: "/t:1:/a:1"}, {name: "/b:1"}),
                {name: "/t:1:/a:1"},
            )


class LoginShellTests(Case):
    def load(self, module: str, **mine: str) -> dict[str, str | None]:
        home = self.folder()
        with open(os.path.join(home, ".bash_profile"), "w", encoding="utf-8") as file:
            file.write(PROFILE)
        mine = {"HOME": home, "PATH": "/env/bin:/usr/bin:/bin", **mine}
        output = subprocess.run(
            login_shell([module], mine), env=mine, capture_output=True, check=True
        ).stdout
        return difference(*told(output), mine)

    def test_bin_of_the_environment_stays_on_path(self) -> None:
        """The environment's own bin stays on PATH; the site's settings stay out."""
        self.assertEqual(
            self.load("tool-2", LOADEDMODULES="tool-1", MANPATH="/man"),
            {
                "PATH": "/opt/tool-2/bin:/env/bin:/usr/bin:/bin",
                "MANPATH": "/opt/tool-2/man:/man",
                "LOADEDMODULES": "tool-1:tool-2",
                "TOOL": "two\nlines",
            },
        )

    def test_two_modules_are_both_loaded(self) -> None:
        """One after the other: both are there."""
        first = self.load("tool-1")
        found = self.load("tool-2", **{n: v for n, v in first.items() if v})
        self.assertEqual(
            found["PATH"], "/opt/tool-2/bin:/opt/tool-1/bin:/env/bin:/usr/bin:/bin"
        )
        self.assertEqual(found["LOADEDMODULES"], "tool-1:tool-2")

    def test_module_that_takes_the_place_of_another(self) -> None:
        """As Lmod swaps versions; the login shell's own PATH has neither."""
        mine = {"PATH": "/opt/tool-1/bin:/env/bin:/usr/bin:/bin"}
        self.assertEqual(
            self.load("swap", LOADEDMODULES="tool-1", **mine),
            {"PATH": "/env/bin:/usr/bin:/bin", "LOADEDMODULES": "swap"},
        )

    def test_taken_out(self) -> None:
        """A variable that the module unsets goes."""
        self.assertEqual(
            self.load("gone", OLD="1"), {"OLD": None, "LOADEDMODULES": "gone"}
        )
