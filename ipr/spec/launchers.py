"""The launchers whose own words are known: the options of each, as data.

Knows which of their options take a value in the next word, and what else has to be
there for them to start one command elsewhere and wait for it. Must not know
kernelspecs.

Sources: qrsh(1) and submit(1) of Grid Engine 8.1.9; qsub(1B) of PBS Professional;
bsub(1) of LSF; flux-run(1); srun(1), salloc(1); oarsub(1); condor_submit(1).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import attrs

# srun(1) of Slurm 22.05 and the options that came since. A long option with a
# value in the same word ("--mem=4G") needs no table.
_SRUN_SHORT_WITH_VALUE = frozenset("AbBcCdDeFGiJLmMnNopqrStTwWx")
_SRUN_SHORT_ALONE = frozenset("EhHklOQsuvVXZ")
_SRUN_LONG_WITH_VALUE = (
    "accel-bind account acctg-freq bb bbf bcast-exclude begin chdir"
    " cluster-constraint clusters comment constraint container container-id core-spec"
    " cores-per-socket cpu-bind cpu-freq cpus-per-gpu cpus-per-task deadline"
    " delay-boot dependency distribution epilog error exclude export extra"
    " extra-node-info gid gpu-bind gpu-freq gpus gpus-per-node gpus-per-socket"
    " gpus-per-task gres gres-flags het-group hint input job-name jobid licenses"
    " mail-type mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus mpi"
    " msg-timeout network nodefile nodelist nodes ntasks ntasks-per-core"
    " ntasks-per-gpu ntasks-per-node ntasks-per-socket open-mode output pack-group"
    " partition power prefer priority profile prolog qos relative reservation segment"
    " signal slurmd-debug sockets-per-node switches task-epilog task-prolog"
    " thread-spec threads threads-per-core time time-min tmp treewidth"
    " tres-bind tres-per-task uid wait wckey"
)
_SRUN_LONG_ALONE = (
    "bcast compress contiguous disable-status exact exclusive external help hold"
    " immediate interactive kill-on-bad-exit label nice no-allocate no-kill overcommit"
    " overlap oversubscribe preserve-env propagate pty quiet quit-on-interrupt reboot"
    " resv-ports send-libs share spread-job stepmgr unbuffered use-min-nodes verbose"
    " wait-for-children whole x11"
)


class Unknown(Exception):
    """Where its own words end cannot be known; the text says why."""


@attrs.frozen
class Launcher:
    """The command line of one launcher.

    :ivar name: its words: ``qrsh``, ``flux run``.
    :ivar takes: for each option with a value in the next words, how many.
    :ivar alone: options without one.
    :ivar needs: of each group, something that has to be among its options, in order,
        and why.
    :ivar mark: a word by which it is told from another one with its name.
    :ivar long: whether ``--option=value`` is one word.
    """

    name: tuple[str, ...]
    takes: dict[str, int]
    alone: frozenset[str]
    needs: tuple[tuple[tuple[tuple[str, ...], ...], str], ...] = ()
    mark: str = ""
    long: bool = False

    def begins(self, argv: Sequence[str]) -> bool:
        """Whether a command line is one of it."""
        words = tuple(word.rpartition("/")[2] for word in argv[: len(self.name)])
        return words == self.name and (not self.mark or self.mark in argv)

    def end(self, argv: Sequence[str]) -> int:
        """Return how many words are its own.

        :raises Unknown: an option that is not known, or one that is missing.
        """
        at = len(self.name)
        while at < len(argv) and argv[at].startswith("-"):
            word = argv[at]
            if word == "--":
                at += 1
                break
            if self.long and word.startswith("--") and "=" in word:
                at += 1
            elif word in self.takes:
                at += 1 + self.takes[word]
            elif word in self.alone:
                at += 1
            else:
                raise _unknown_option(self.name[0], word)
        for group, because in self.needs:
            if not any(_within(needed, argv[:at]) for needed in group):
                raise Unknown(because)
        return at


def _within(needed: Sequence[str], words: Sequence[str]) -> bool:
    length = len(needed)
    return any(
        tuple(words[at : at + length]) == tuple(needed)
        for at in range(len(words) - length + 1)
    )


def _takes(one: str, two: str = "") -> dict[str, int]:
    return {**dict.fromkeys(one.split(), 1), **dict.fromkeys(two.split(), 2)}


def _alone(names: str) -> frozenset[str]:
    return frozenset(names.split())


_GRID_ENGINE = _takes(
    "-a -ac -ar -A -b -binding -c -ckpt -dc -dl -e -hold_jid -hold_jid_ad -i -j -js"
    " -jsv -l -m -M -masterq -N -now -o -ot -p -P -pty -q -R -r -S -sc -shell -sync -t"
    " -tc -v -w -wd",
    "-pe",
)
_GRID_ENGINE_ALONE = _alone(
    "-clear -cwd -h -hard -inherit -nostdin -noshell -notify -soft -terse -V -verbose"
    " -verify"
)
_LSF = _takes(
    "-a -app -b -c -C -cwd -D -e -E -eo -env -Ep -F -ext -freq -G -g -gpu -i -is -J -Jd"
    " -jsdl -L -Lp -M -m -n -network -o -oo -outdir -P -p -pack -Q -q -R -rnc -S -sla"
    " -sp -t -T -tty -U -u -v -W -w -We -wt -wa"
)
_LSF_ALONE = _alone("-B -H -hl -I -K -Ip -IS -ISp -ISs -Is -N -ptl -r -rn -ul -x")
_FLUX = _takes(
    "-n --ntasks -N --nodes -c --cores-per-task -g --gpus-per-task --cores"
    " --tasks-per-node --tasks-per-core --gpus-per-node -t --time-limit -q --queue"
    " -B --bank -o --setopt -S --setattr --env --env-remove --env-file --urgency"
    " --job-name --cwd --input --output --error --requires --dependency --begin-time"
    " --signal --rlimit --taskmap --add-file --conf --flags"
)
_FLUX_ALONE = _alone("-x --exclusive -l --label-io -u --unbuffered -v --verbose")

_PBS = _takes("-a -A -c -C -e -j -J -k -l -m -M -N -o -p -P -q -r -R -S -u -v -W")
_PBS_ALONE = _alone("-f -h -I -V -x -X -z")

# fmt: off
LAUNCHERS = (
    Launcher(("qrsh",), _GRID_ENGINE, _GRID_ENGINE_ALONE),
    # Only PBS has "--" before a command, and only Grid Engine "-b y".
    Launcher(("qsub",), _PBS, _PBS_ALONE,
             (((("-W", "block=true"),),
               "qsub without -W block=true does not wait for the kernel"),),
             mark="--"),
    Launcher(("qsub",), _GRID_ENGINE, _GRID_ENGINE_ALONE,
             (((("-b", "y"), ("-b", "yes")),
               "qsub without -b y starts a script, which has to start ipr itself"),
              ((("-sync", "y"), ("-sync", "yes")),
               "qsub without -sync y does not wait for the kernel"))),
    Launcher(("bsub",), _LSF, _LSF_ALONE,
             (((("-I",), ("-Ip",), ("-Is",), ("-IS",), ("-ISp",), ("-ISs",), ("-K",)),
               "bsub without -I or -K does not wait for the kernel"),)),
    Launcher(("flux", "run"), _FLUX, _FLUX_ALONE, long=True),
    # The wrapper of docs/howto/htcondor.rst.
    Launcher(("condor-run.sh",), {}, frozenset()),
)
# fmt: on

_SCRIPT = "starts a script, which has to start ipr itself (see docs/schedulers.rst)"
#: Commands of schedulers that cannot be a kernelspec's launcher, and why.
UNFIT = {
    "condor_submit": f"condor_submit {_SCRIPT}",
    "condor_run": "condor_run takes a whole shell command as one word; see"
    " docs/howto/htcondor.rst for a wrapper that takes a kernel's",
    "oarsub": "oarsub takes a whole shell command as one word, and does not wait for"
    " it without -I",
    "qlogin": "qlogin starts a login shell, and no command; use qrsh",
    "sbatch": f"sbatch {_SCRIPT}; use srun",
}


def known(argv: Sequence[str]) -> Launcher | None:
    """Return the launcher of a command line, if it is one of these."""
    return next((row for row in LAUNCHERS if row.begins(argv)), None)


def end(argv: Sequence[str]) -> int:
    """Return how many words of a command line are its launcher's.

    :raises Unknown: it is none of these, or has an option that is not known.
    """
    name = os.path.basename(argv[0]) if argv else ""
    if name == "srun":
        return _srun_end(argv)
    if name == "salloc":
        # Its options are srun's. It runs the command here; srun runs it there.
        own = _srun_end(argv)
        if os.path.basename(argv[own] if own < len(argv) else "") != "srun":
            raise Unknown("salloc without srun starts the kernel on this machine")
        return own + _srun_end(argv[own:])
    if name in UNFIT:
        raise Unknown(UNFIT[name])
    launcher = known(argv)
    if launcher is None:
        names = ", ".join(dict.fromkeys(" ".join(row.name) for row in LAUNCHERS))
        raise Unknown(
            f"its command starts with {argv[0] if argv else ''!r}, which is no launcher"
            f" that ipr-spec knows (it knows srun, salloc, {names} and"
            " remote_ikernel); use --after N or --launcher REGEX to say where the"
            " launcher's own words end"
        )
    return launcher.end(argv)


def _srun_end(argv: Sequence[str]) -> int:
    index = 1
    while index < len(argv):
        word = argv[index]
        if word == "--":
            index += 1
            break
        if not word.startswith("-") or word == "-":
            break
        if word == "--multi-prog":
            raise Unknown("srun --multi-prog starts more than one command")
        index += 1 if not _takes_next(word) else 2
    if ":" in argv[index:]:
        raise Unknown("srun starts more than one command (':')")
    return index


def _takes_next(word: str) -> bool:
    """Return whether the srun option *word* has its value in the next word."""
    if word.startswith("--"):
        name, equals, _ = word[2:].partition("=")
        if equals:
            return False
        takes = dict.fromkeys(_SRUN_LONG_ALONE.split(), False)
        takes.update(dict.fromkeys(_SRUN_LONG_WITH_VALUE.split(), True))
        if name in takes:
            return takes[name]
        # getopt_long takes an unambiguous beginning for the whole.
        both = {value for known, value in takes.items() if known.startswith(name)}
        if len(both) == 1:
            return both.pop()
        raise _unknown_option("srun", word)
    for place, letter in enumerate(word[1:], 1):
        if letter in _SRUN_SHORT_WITH_VALUE:
            return place == len(word) - 1
        if letter in "IK":  # an optional value, in the same word
            return False
        if letter not in _SRUN_SHORT_ALONE:
            break
    else:
        return False
    raise _unknown_option("srun", word)


def _unknown_option(launcher: str, word: str) -> Unknown:
    return Unknown(
        f"ipr-spec does not know the {launcher} option {word}; use --after N to say"
        f" where {launcher}'s own words end"
    )
