"""Knows cells as ordinary notebooks have them, for a job of 600 MiB: files, data
frames, worker processes, programs. Must not know what is expected of them.

Each stays below 70 percent of that, and many read or write more than all of it: page
cache, which nobody is killed for.
"""

from __future__ import annotations

#: Mebibytes of the job. A kernel with pandas and the daemon take 150.
LIMIT = 600

#: Makes the data set that others read.
DATA_SET = """\
import os
with open("data", "wb") as file:
    for _ in range({mebibytes}):
        _ = file.write(os.urandom(1 << 20))"""

#: By what a person calls it: the code. Those of a group share a folder.
LOADS = {
    "large files": {
        "1.2 GB written, and read twice": """\
with open("big", "wb") as file:
    for _ in range(1200):
        _ = file.write(bytes(1 << 20))
for _ in range(2):
    with open("big", "rb") as file:
        while file.read(1 << 20):
            pass""",
        "900 MB mapped, in order, twice": """\
import mmap
with open("big", "r+b") as file, mmap.mmap(file.fileno(), 900 << 20) as mapped:
    for _ in range(2):
        total = sum(mapped[at] for at in range(0, 900 << 20, 4096))""",
        "900 MB mapped, at random": """\
import mmap, random
with open("big", "r+b") as file, mmap.mmap(file.fileno(), 900 << 20) as mapped:
    for _ in range(1500):
        _ = mapped[random.randrange(900 << 20)]""",
        "a data set of 560 MB, five times": DATA_SET.format(mebibytes=560)
        + """
for _ in range(5):
    with open("data", "rb") as file:
        while file.read(1 << 20):
            pass""",
        "a data set of 400 MB, five times, beside an array of 250 MB": """\
import numpy
array = numpy.ones(250 << 17)
for _ in range(5):
    with open("data", "rb") as file:
        for _ in range(400):
            _ = file.read(1 << 20)
array.sum()""",
        "400 MB copied, compressed, archived": """\
import gzip, shutil, tarfile
shutil.copy("data", "copy")
with open("data", "rb") as file, gzip.open("data.gz", "wb", compresslevel=1) as packed:
    for _ in range(150):
        _ = packed.write(file.read(1 << 20))
with tarfile.open("data.tar", "w") as archive:
    archive.add("copy")
    archive.add("data.gz")""",
    },
    "many files, and programs": {
        "4000 files written, read, copied, hashed": """\
import hashlib, os, shutil
os.makedirs("many")
for number in range(4000):
    with open(f"many/{number}", "wb") as file:
        _ = file.write(os.urandom(1 << 14))
shutil.copytree("many", "copies")
for folder, _, names in os.walk("copies"):
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            _ = hashlib.sha256(file.read()).digest()""",
        "SQLite: 150 MB, an index, a join": """\
import os, sqlite3
with sqlite3.connect("base") as base:
    _ = base.execute("create table t (a integer, b integer, c blob)")
    rows = ((n, n * 7919 % 10007, os.urandom(250)) for n in range(500_000))
    _ = base.executemany("insert into t values (?, ?, ?)", rows)
    _ = base.execute("create index i on t (b, a)")
    _ = base.execute(
        "select count(*) from t x join t y on x.a = y.b where x.a < 2000").fetchall()
_ = base.execute("vacuum")
base.close()""",
        "a virtual environment, with pip": """\
import subprocess, sys
_ = subprocess.run([sys.executable, "-m", "venv", "new"], check=True)
_ = subprocess.run(["new/bin/python", "-m", "compileall", "-qf", "new"], check=True)""",
        "git: 200 MB added, committed, cloned": """\
import subprocess
def git(*words):
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    _ = subprocess.run(["git", *who, *words], check=True, capture_output=True)
git("init", "-q", "repository")
import os
for number in range(50):
    with open(f"repository/{number}", "wb") as file:
        _ = file.write(os.urandom(4 << 20))
git("-C", "repository", "add", ".")
git("-C", "repository", "commit", "-qm", "all of it")
git("clone", "-q", "--no-local", "repository", "clone")""",
        "250 MB of lines through sort and a pipe": """\
import subprocess
with open("lines", "w") as file:
    for number in range(4_000_000):
        print(number * 7919 % 10_000_019, file=file)
_ = subprocess.run("sort -S 60M -n lines | uniq -c | tail -1 && cat lines lines "
                   "lines lines lines lines lines lines > more", shell=True, check=True)
""",
    },
    "computing": {
        "pandas: CSV written, read, grouped, merged": """\
import numpy, pandas
frame = pandas.DataFrame(
    {"key": numpy.arange(600_000) % 1000, "value": numpy.random.rand(600_000)})
frame.to_csv("frame.csv")
frame = pandas.read_csv("frame.csv")
means = frame.groupby("key").value.mean()
merged = frame.merge(means, on="key")
_ = merged.sort_values("value_x").describe()""",
        "numpy: an array that grows to 70 %, and stays": """\
import numpy, time
kept = []
for _ in range(5):
    kept.append(numpy.ones(50 << 17))
    for _ in range(10):
        kept[-1] *= 1.01
        time.sleep(0.1)
time.sleep(5)""",
        "numpy: six peaks of 230 MB": """\
import numpy, time
for _ in range(6):
    peak = numpy.random.rand(115 << 17)
    _ = peak.mean() + (peak * 2).sum()
    del peak
    time.sleep(1)""",
        "four worker processes, with what they send": """\
import multiprocessing, numpy
def work(seed):
    return numpy.random.default_rng(seed).random(2 << 17).sum()
def send(seed):
    return numpy.random.default_rng(seed).random(5 << 17)
with multiprocessing.get_context("fork").Pool(4) as pool:
    _ = sum(pool.map(work, range(200)))
    _ = sum(part.sum() for part in pool.imap(send, range(40)))""",
        "150 MB in shared memory, read by two processes": """\
import multiprocessing, numpy
from multiprocessing import shared_memory
shared = shared_memory.SharedMemory(create=True, size=150 << 20)
array = numpy.frombuffer(shared.buf, dtype="u1")
array[:] = 1
def total(name):
    return int(array.sum())
with multiprocessing.get_context("fork").Pool(2) as pool:
    _ = pool.map(total, [shared.name] * 6)
del array
shared.close()
shared.unlink()""",
        "an object of 100 MB pickled and read again": """\
import pickle
thing = {number: str(number) * 8 for number in range(600_000)}
for _ in range(3):
    with open("thing", "wb") as file:
        pickle.dump(thing, file)
    with open("thing", "rb") as file:
        _ = len(pickle.load(file))""",
    },
}
